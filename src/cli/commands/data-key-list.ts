import type { DataKeyInfo } from '../../client/answers.ts';
import { printableJson } from '../../core/printable-json.ts';
import type { DefineCommand } from '../command.ts';
import { formatOption, single } from '../command.ts';
import { type ConnectOptions, connect, connectOptions } from '../connect.ts';
import { dataKeyInfoJson } from '../data-key-text.ts';
import { columns, type Format, printable, write } from '../output.ts';

/** `keystead data-key list`: a line per key, or a JSON array that is written as the pages come in. */
export const define: DefineCommand = (command, { io }) => {
  connectOptions(command)
    .addOption(single('--prefix <prefix>', 'only ids that begin with this'))
    .addOption(formatOption())
    .action(async (options: ConnectOptions & { output?: Format; prefix?: string }) => {
      const keys = connect(io, options).list({
        signal: io.interrupted(),
        ...(options.prefix === undefined ? {} : { prefix: options.prefix }),
      });
      const out = (text: string) => write(io.stdout, text);
      await (options.output === 'json' ? writeJson(keys, out) : writePlain(keys, out));
    });
};

async function writePlain(keys: AsyncIterable<DataKeyInfo>, write: (text: string) => Promise<void>): Promise<void> {
  for await (const { id, version, length, createdAt } of keys) {
    await write(columns([[printable(id), `version ${version}`, `${length ?? 'any'} bytes`, createdAt ?? '-']]));
  }
}

async function writeJson(keys: AsyncIterable<DataKeyInfo>, write: (text: string) => Promise<void>): Promise<void> {
  let separator = '[';
  for await (const key of keys) {
    await write(`${separator}\n  ${printableJson(dataKeyInfoJson(key))}`);
    separator = ',';
  }
  await write(separator === '[' ? '[]\n' : '\n]\n');
}
