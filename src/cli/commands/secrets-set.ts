import { InvalidArgumentError } from 'commander';
import { KeysteadError } from '../../core/errors.ts';
import { replaceFile } from '../../files/replace-file.ts';
import type { Spelling } from '../../secrets-file/parameter-type.ts';
import type { SecretsFile } from '../../secrets-file/secrets-file.ts';
import { type DefineCommand, single } from '../command.ts';
import { readInput, STDIN } from '../secrets/files.ts';
import { withFile } from '../secrets/one-file.ts';
import { sealingOf } from '../secrets/sealing.ts';
import { createKeyOption, type SealOptions, sealOptions } from '../secrets/work.ts';

interface Options extends SealOptions {
  readonly type?: Spelling;
  readonly description?: string;
}

/** `keystead secrets set FILE NAME`: the value comes from standard input, never from the command line. */
export const define: DefineCommand = (command, { io }) => {
  createKeyOption(sealOptions(command))
    .argument('<file>', 'secrets file, changed in place')
    .argument('<name>', 'name of the parameter; added where there is none')
    .addOption(single<Spelling>('--type <type>', 'of a new parameter: SecureString (the default) or String', typeOf))
    .addOption(single('--description <text>', 'of a new parameter'))
    .action(async (path: string, name: string, options: Options) => {
      const value = (await readInput(STDIN, io)).text.replace(/\r?\n$/, '');
      await withFile(io, path, options, async ({ file, text, work }) => {
        const { encrypt } = await import('../../secrets-file/encrypt.ts');
        const { withRoot } = await import('../../secrets-file/integrity.ts');
        const sealing = await sealingOf(file, work); // of the file as it was, whose root must hold
        const { readSecretsFile } = await import('../../secrets-file/secrets-file.ts');
        const changed = readSecretsFile(await withValue(file, name, value, options), path);
        const sealed = await encrypt(changed, { ...work, ...sealing }, work.call);
        await replaceFile(path, text, withRoot(sealed, path));
      });
    });
};

async function withValue(file: SecretsFile, name: string, value: string, options: Options): Promise<string> {
  const { rewrite } = await import('../../secrets-file/rewrite.ts');
  const { appended } = await import('../../secrets-file/append.ts');
  const { type = 'SecureString', description = '' } = options;
  const index = file.parameters.findIndex((parameter) => parameter.name === name);
  const found = file.parameters[index];
  if (found === undefined) return appended(file, { name, description, type, value });
  if (options.type !== undefined || options.description !== undefined) {
    throw new KeysteadError('bad-usage', 'the parameter is there; its type and description are changed in the file');
  }
  return rewrite(file, { parameters: new Map([[index, { value, type: found.storeType }]]) });
}

function typeOf(text: string): Spelling {
  if (text === 'String' || text === 'SecureString') return text;
  throw new InvalidArgumentError('give SecureString or String');
}
