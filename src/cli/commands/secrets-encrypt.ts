import type { DefineCommand } from '../command.ts';
import { type KeyOptions, keyOptions } from '../secrets/settings.ts';
import { type TransformOptions, transform, transformOptions } from '../secrets/transform.ts';
import { openWork, sealingOf } from '../secrets/work.ts';

/** `keystead secrets encrypt FILE…` */
export const define: DefineCommand = (command, context) => {
  keyOptions(transformOptions(command)).action(
    async (files: readonly string[], options: TransformOptions & KeyOptions) => {
      const { assertEncryptable, encrypt } = await import('../../secrets-file/encrypt.ts');
      const work = await openWork(context.io, options);
      try {
        await transform(context, files, options, async (file) => {
          assertEncryptable(file); // before a key is asked for
          return { text: await encrypt(file, { ...work, ...(await sealingOf(file, work)) }, work.call) };
        });
      } finally {
        await work.close();
      }
    },
  );
};
