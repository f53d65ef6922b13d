import type { DefineCommand } from '../command.ts';
import { type KeyOptions, keyOptions } from '../secrets/settings.ts';
import { type TransformOptions, transform, transformOptions } from '../secrets/transform.ts';
import { openingSealer, openWork } from '../secrets/work.ts';

/** `keystead secrets decrypt FILE…` */
export const define: DefineCommand = (command, context) => {
  keyOptions(transformOptions(command)).action(
    async (files: readonly string[], options: TransformOptions & KeyOptions) => {
      const { decrypt } = await import('../../secrets-file/decrypt.ts');
      const work = await openWork(context.io, options);
      try {
        await transform(context, files, options, async (file) => ({
          text: await decrypt(file, { ...work, sealer: await openingSealer(file, work) }, work.call),
        }));
      } finally {
        await work.close();
      }
    },
  );
};
