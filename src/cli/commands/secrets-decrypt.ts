import type { DefineCommand } from '../command.ts';
import { openingSealer } from '../secrets/sealing.ts';
import { type TransformOptions, transform, transformOptions } from '../secrets/transform.ts';
import { openWork, type SealOptions, sealOptions } from '../secrets/work.ts';

/** `keystead secrets decrypt FILE…` */
export const define: DefineCommand = (command, context) => {
  sealOptions(transformOptions(command)).action(
    async (files: readonly string[], options: TransformOptions & SealOptions) => {
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
