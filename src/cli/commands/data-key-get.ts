import { InvalidArgumentError } from 'commander';
import type { DataKey } from '../../client/answers.ts';
import type { KeysteadClient } from '../../client/http-client.ts';
import type { GetOptions } from '../../client/request.ts';
import { fromBase64, toBase64 } from '../../core/encoding.ts';
import { KeysteadError } from '../../core/errors.ts';
import { writeNewFile } from '../../files/new-file.ts';
import { type DefineCommand, dataKeyId, newFileOrFormat, single, wholeNumber } from '../command.ts';
import { type ConnectOptions, connect, connectOptions } from '../connect.ts';
import { base64Line, dataKeyJson } from '../data-key-text.ts';
import type { Io } from '../io.ts';
import { entries, write } from '../output.ts';

/** Ends of the command that must not leave an empty file behind, which the next one would take for a key. */
const ENDS = ['SIGTERM', 'SIGHUP'] as const;

interface Options extends ConnectOptions {
  readonly length?: number;
  readonly version?: number;
  readonly create?: 'if-missing' | 'never' | 'must';
  readonly expect?: Uint8Array;
  readonly raw?: true;
  readonly output?: string;
}

/** Where the key goes. `file`: a new file with its raw bytes, and what is known of it on stdout. */
type Target = { readonly kind: 'plain' | 'json' | 'raw' } | { readonly kind: 'file'; readonly path: string };

/** `keystead data-key get ID` */
export const define: DefineCommand = (command, { io }) => {
  connectOptions(command.argument('<id>', 'id of the data key: 1 to 4096 bytes of UTF-8'))
    .addOption(single('--length <bytes>', '1 to 8160; 32 when absent', wholeNumber))
    .addOption(
      single('--version <version>', 'version that an earlier answer gave; the newest when absent', wholeNumber),
    )
    .addOption(single('--create <mode>', 'if-missing (the default), never or must', createMode))
    .addOption(single('--expect <check>', 'check value that the key must have, base64', checkValue))
    .option('--raw', 'write the raw bytes to stdout')
    .addOption(
      single(
        '--output <file>',
        'write the raw bytes to a new file; the words json and plain name a format on stdout',
        newFileOrFormat('--raw'),
      ),
    )
    .action(async (id: string, options: Options) => {
      const target = targetOf(options);
      if (target.kind === 'plain' && io.stdout.isTTY) {
        throw new KeysteadError(
          'bad-usage',
          'a data key is not printed on a terminal; give --output FILE, or --raw, or send the output elsewhere',
        );
      }
      await deliver(connect(io, options), dataKeyId(id), options, target, io);
    });
};

async function deliver(client: KeysteadClient, id: string, options: Options, target: Target, io: Io): Promise<void> {
  const { length, version, create, expect } = options;
  const request: GetOptions = {
    ...(length === undefined ? {} : { length }),
    ...(version === undefined ? {} : { version }),
    ...(create === undefined ? {} : { create }),
    ...(expect === undefined ? {} : { expect }),
  };
  const signal = target.kind === 'file' ? io.interrupted(...ENDS) : io.interrupted();
  let key: DataKey | undefined;
  try {
    const get = async () => {
      key = await client.getDataKey(id, { ...request, signal });
      return key;
    };
    if (target.kind === 'file') {
      // The file first: a key that has no place to go is not made.
      await writeNewFile(target.path, async () => (await get()).key.expose());
      await write(io.stdout, described(key as unknown as DataKey));
    } else {
      await writeKey(io, await get(), target.kind);
    }
  } finally {
    key?.key.dispose();
  }
}

async function writeKey(io: Io, key: DataKey, kind: 'plain' | 'json' | 'raw'): Promise<void> {
  if (kind === 'raw') return write(io.stdout, key.key.expose());
  const bytes = kind === 'json' ? dataKeyJson(key) : base64Line(key.key);
  try {
    await write(io.stdout, bytes);
  } finally {
    bytes.fill(0);
  }
}

function described({ id, key, version, check, created, source }: DataKey): string {
  return entries({ id, length: key.length, version, check: toBase64(check), created, source });
}

function targetOf({ raw, output }: Options): Target {
  if (output === undefined) return { kind: raw ? 'raw' : 'plain' };
  if (output !== 'json' && output !== 'plain') return { kind: 'file', path: output };
  if (!raw) return { kind: output };
  throw new KeysteadError('bad-usage', `--raw and --output ${output} are two formats; give one (a file: ./${output})`);
}

function createMode(text: string): NonNullable<Options['create']> {
  if (text === 'if-missing' || text === 'never' || text === 'must') return text;
  throw new InvalidArgumentError('give if-missing, never or must');
}

function checkValue(text: string): Uint8Array {
  return fromBase64(text, 'bad-usage', 'the check value of --expect');
}
