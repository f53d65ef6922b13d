import type { KekInfo } from '../../client/answers.ts';
import type { KeysteadClient } from '../../client/http-client.ts';
import { KeysteadError } from '../../core/errors.ts';
import { type DefineCommand, formatOption, single } from '../command.ts';
import { type ConnectOptions, connect, connectOptions } from '../connect.ts';
import { fingerprintOf, readKekFiles } from '../kek-files.ts';
import { entries, type Format, print } from '../output.ts';

interface Options extends ConnectOptions {
  readonly dir?: string;
  readonly generate?: true;
  readonly output?: Format;
}

/** `keystead kek bootstrap --dir DIR | --generate` */
export const define: DefineCommand = (command, { io }) => {
  connectOptions(command)
    .addOption(single('--dir <dir>', 'folder with the files mastersecret and salt, raw bytes'))
    .option('--generate', 'have the service make one that nobody else has: gone when the service stops')
    .addOption(formatOption())
    .action(async (options: Options) => {
      if ((options.dir === undefined) === (options.generate === undefined)) {
        throw new KeysteadError('bad-usage', 'give either --dir DIR or --generate');
      }
      const client = connect(io, options);
      const signal = io.interrupted();
      const kek =
        options.dir === undefined
          ? await client.bootstrap({ generate: true }, { signal })
          : await give(client, options.dir, signal);
      await print(io, options.output ?? 'plain', { kek }, () => entries({ ...kek }));
    });
};

async function give(client: KeysteadClient, dir: string, signal: AbortSignal): Promise<KekInfo> {
  const secrets = await readKekFiles(dir);
  try {
    const kek = await client.bootstrap(secrets, { signal });
    const own = fingerprintOf(secrets);
    if (kek.fingerprint === own) return kek;
    throw new KeysteadError(
      'fingerprint-mismatch',
      `the service answered with fingerprint ${kek.fingerprint} where ${own} belongs to the files in ${dir}`,
    );
  } finally {
    secrets.masterSecret.dispose();
    secrets.salt.dispose();
  }
}
