import type { DefineCommand } from '../command.ts';
import { type KeyOptions, keyOptions } from '../secrets/settings.ts';
import { type TransformOptions, transform, transformOptions } from '../secrets/transform.ts';
import { currentSealing, openingSealer, openWork } from '../secrets/work.ts';

/** `keystead secrets refresh FILE…` */
export const define: DefineCommand = (command, context) => {
  keyOptions(transformOptions(command)).action(
    async (files: readonly string[], options: TransformOptions & KeyOptions) => {
      const { refresh } = await import('../../secrets-file/refresh.ts');
      const work = await openWork(context.io, options);
      try {
        await transform(context, files, options, async (file) => {
          const { sealer: to, header } = await currentSealing(work);
          if (header.encrypted_with === file.header.encrypted_with) {
            return { text: file.source.text, note: `nothing to do: it is encrypted with ${header.encrypted_with}` };
          }
          const from = await openingSealer(file, work);
          return { text: await refresh(file, { ...work, from, to, header }, work.call) };
        });
      } finally {
        await work.close();
      }
    },
  );
};
