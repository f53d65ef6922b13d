import type { DefineCommand } from '../command.ts';
import { currentSealing, openingSealer } from '../secrets/sealing.ts';
import { type TransformOptions, transform, transformOptions } from '../secrets/transform.ts';
import { createKeyOption, openWork, type SealOptions, sealOptions } from '../secrets/work.ts';

/** `keystead secrets refresh FILE…` */
export const define: DefineCommand = (command, context) => {
  createKeyOption(sealOptions(transformOptions(command))).action(
    async (files: readonly string[], options: TransformOptions & SealOptions) => {
      const { refresh } = await import('../../secrets-file/refresh.ts');
      const { withRoot } = await import('../../secrets-file/integrity.ts');
      const work = await openWork(context.io, options);
      try {
        await transform(context, files, options, async (file) => {
          const { sealer: to, header } = await currentSealing(file, work);
          if (header.encrypted_with !== undefined && header.encrypted_with === file.header.encrypted_with) {
            return { text: file.source.text, note: `nothing to do: it is encrypted with ${header.encrypted_with}` };
          }
          const from = await openingSealer(file, work);
          const text = await refresh(file, { ...work, from, to, header }, work.call);
          return { text: withRoot(text, 'the result') };
        });
      } finally {
        await work.close();
      }
    },
  );
};
