import type { SecretsFile } from '../../secrets-file/secrets-file.ts';
import type { DefineCommand } from '../command.ts';
import { givenKek } from '../secrets/kek.ts';
import { sealingOf } from '../secrets/sealing.ts';
import { type TransformOptions, transform, transformOptions } from '../secrets/transform.ts';
import { createKeyOption, openWork, type SealOptions, sealOptions } from '../secrets/work.ts';

/** `keystead secrets encrypt FILE…` */
export const define: DefineCommand = (command, context) => {
  createKeyOption(sealOptions(transformOptions(command)))
    .option('--accept-changes', 'seal although sealed values were changed by hand')
    .action(async (files: readonly string[], options: TransformOptions & SealOptions) => {
      const { assertEncryptable, encrypt } = await import('../../secrets-file/encrypt.ts');
      const { withRoot } = await import('../../secrets-file/integrity.ts');
      const work = await openWork(context.io, options);
      try {
        const one = async (file: SecretsFile) => {
          assertEncryptable(file); // before a key is asked for
          const text = await encrypt(file, { ...work, ...(await sealingOf(file, work)) }, work.call);
          return { text: withRoot(text, 'the result') };
        };
        await transform(context, files, options, one, givenKek(options, context.io) !== undefined);
      } finally {
        await work.close();
      }
    });
};
