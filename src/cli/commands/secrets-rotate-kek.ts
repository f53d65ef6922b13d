import type { Changes } from '../../secrets-file/rewrite.ts';
import type { SecretsFile } from '../../secrets-file/secrets-file.ts';
import { type DefineCommand, single } from '../command.ts';
import { openFileKek, openKekOf } from '../secrets/kek.ts';
import { freshSealing, openingSealer } from '../secrets/sealing.ts';
import { type TransformOptions, transform, transformOptions } from '../secrets/transform.ts';
import { openWork, type SealOptions, sealOptions, type Work } from '../secrets/work.ts';

/**
 * `keystead secrets rotate-kek --to URI FILE…`: the data key is wrapped under another KEK, and the values stay to the
 * byte. A file in the format of psyml becomes one in Keystead's own.
 */
export const define: DefineCommand = (command, context) => {
  sealOptions(transformOptions(command))
    .addOption(single('--to <uri>', 'the new KEK; without it, the newest version of the one that the file has'))
    .action(async (files: readonly string[], options: TransformOptions & SealOptions & { readonly to?: string }) => {
      const { withRoot } = await import('../../secrets-file/integrity.ts');
      const work = await openWork(context.io, options);
      try {
        await transform(context, files, options, async (file) => {
          const text =
            file.format === 'keystead' ? await rewrapped(file, work, options.to) : await moved(file, work, options.to);
          return { text: withRoot(text, 'the result') };
        });
      } finally {
        await work.close();
      }
    });
};

async function rewrapped(file: SecretsFile, work: Work, to: string | undefined): Promise<string> {
  const { unwrapDataKey, wrapDataKey } = await import('../../secrets-file/data-key.ts');
  const { assertIntegrity } = await import('../../secrets-file/integrity.ts');
  const { rewrite } = await import('../../secrets-file/rewrite.ts');
  const { data_key: dataKey, file: id } = file.header;
  if (dataKey === undefined || id === undefined) throw file.fail('nothing is sealed yet; encrypt does that');
  assertIntegrity(file);
  const old = await openFileKek(file, work);
  work.closing(() => old.kek.close());
  const next = to === undefined ? old : await openKekOf(to, work);
  if (next !== old) work.closing(() => next.kek.close());
  const key = await work.patiently(() => unwrapDataKey(old.kek, dataKey, id, work.call));
  try {
    const header = {
      data_key: await work.patiently(() => wrapDataKey(next.kek, key, id, work.call)),
      ...(to === undefined ? {} : { kek: next.name }),
    };
    // The old text is gone once the new one is in its place: it must open.
    const back = await work.patiently(() => unwrapDataKey(next.kek, header.data_key, id, work.call));
    const same = back.equals(key);
    back.dispose();
    if (!same) throw file.fail('the new KEK gives another key back than was wrapped');
    return rewrite(file, { header });
  } finally {
    key.dispose();
  }
}

async function moved(file: SecretsFile, work: Work, to: string | undefined): Promise<string> {
  const { refresh } = await import('../../secrets-file/refresh.ts');
  if (to === undefined) throw file.fail('a file in the format of psyml is moved with --to, or sealed anew by refresh');
  const from = await openingSealer(file, work);
  const { sealer, header } = await freshSealing(file, work, to);
  const whole: Changes['header'] & object = { ...header, encrypted_with: null };
  return refresh(file, { ...work, from, to: sealer, header: whole }, work.call);
}
