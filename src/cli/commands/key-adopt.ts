import { stringify } from 'yaml';
import { loadConfig } from '../../config/load.ts';
import { writeNewFile } from '../../files/new-file.ts';
import { type DefineCommand, formatOption, single } from '../command.ts';
import { configInputs, configOptions } from '../config-options.ts';
import { type Format, print } from '../output.ts';

/** `keystead key adopt URI…` */
export const define: DefineCommand = (command, { io }) => {
  configOptions(command)
    .argument('<uri...>', 'kms:// URIs of keys that exist')
    .addOption(single('-f, --file <file>', 'a new file for the declaration; printed when absent'))
    .addOption(formatOption())
    .action(async (uris: readonly string[], { file, output = 'plain' }: { file?: string; output?: Format }, called) => {
      const [{ adoptKeys }, { bareAmbient }, { openAccessPaths }] = await Promise.all([
        import('../../wiring/adopt-keys.ts'),
        import('../../wiring/ambient.ts'),
        import('../../wiring/access-paths.ts'),
      ]);
      const ambient = bareAmbient(io.env);
      const config = loadConfig(configInputs(called, io));
      const paths = await openAccessPaths(config.access.file, ambient);
      const call = {
        principal: { kind: 'local', name: 'keystead key adopt', groups: [] },
        signal: io.interrupted(),
        traceId: Buffer.from(ambient.random.bytes(16)).toString('hex'),
        listener: 'internal',
      } as const;
      const opened = { ambient, timeoutMs: config.upstream.timeout, access: paths };
      const documents = await adoptKeys(uris, opened, call).finally(() => paths?.close());
      // JSON is YAML too, so either may be read back from a file of any ending.
      const text = output === 'json' ? `${JSON.stringify(documents, null, 2)}\n` : stringify(documents);
      if (file === undefined) await print(io, output, documents, () => text);
      else await writeNewFile(file, async () => Buffer.from(text));
    });
};
