import { KeysteadError } from '../../core/errors.ts';
import type { Sealer } from '../../secrets-file/sealer.ts';
import type { HeaderField, SecretsFile } from '../../secrets-file/secrets-file.ts';
import { isOwn, openFileKek, openKekOf } from './kek.ts';
import type { Work } from './work.ts';

/** What a file's new values are sealed with, and what that changes at its top. */
export interface Sealing {
  readonly sealer: Sealer;
  readonly header: Readonly<Partial<Record<HeaderField, string | null>>>;
}

/** New values go under the key that the file names already, or else under the one that is configured. */
export async function sealingOf(file: SecretsFile, work: Work): Promise<Sealing> {
  if (!isOwn(file, work.options, work.io)) return psymlSealing(file, work);
  if (file.header.data_key !== undefined) return { sealer: await openingSealer(file, work), header: {} };
  return freshSealing(file, work);
}

/** All values go under the newest key: of psyml's format what the alias stands for now, else a new data key. */
export async function currentSealing(file: SecretsFile, work: Work): Promise<Sealing> {
  if (isOwn(file, work.options, work.io)) return freshSealing(file, work);
  const { psymlSealer } = await import('../../secrets-file/psyml-sealer.ts');
  const arn = await work.currentKey();
  return { sealer: psymlSealer(work.localKey, { current: async () => arn }), header: { encrypted_with: arn } };
}

/** A new data key for the file, wrapped under its KEK, or under another: one call to the KMS. */
export async function freshSealing(file: SecretsFile, work: Work, kekText?: string): Promise<Sealing> {
  const { dataKeySealer, newDataKey, newFileId, wrapDataKey } = await import('../../secrets-file/data-key.ts');
  const { call, random } = work;
  const opened = kekText === undefined ? await openFileKek(file, work) : await openKekOf(kekText, work);
  work.closing(() => opened.kek.close());
  const id = file.header.file ?? newFileId(random);
  const key = newDataKey(random);
  work.closing(() => key.dispose());
  const dataKey = await work.patiently(() => wrapDataKey(opened.kek, key, id, call));
  const kek = file.header.kek !== undefined && kekText === undefined ? {} : { kek: opened.name };
  return { sealer: dataKeySealer(key, id, random), header: { ...kek, file: id, data_key: dataKey } };
}

/** The sealer that opens what a file holds: one call to the KMS for a file in Keystead's own format. */
export async function openingSealer(file: SecretsFile, work: Work): Promise<Sealer> {
  const { psymlSealer } = await import('../../secrets-file/psyml-sealer.ts');
  if (file.format === 'psyml') return psymlSealer(work.localKey, { current: () => work.currentKey() });
  const { assertIntegrity } = await import('../../secrets-file/integrity.ts');
  if (work.options.acceptChanges !== true) assertIntegrity(file);
  const { data_key: dataKey, file: id } = file.header;
  if (!file.parameters.some(({ sealed }) => sealed) && dataKey === undefined) return nothingSealed();
  if (dataKey === undefined) throw file.fail('it has sealed values, and the field data_key is missing');
  if (id === undefined) throw file.fail('the field file is missing');
  const { dataKeySealer, unwrapDataKey } = await import('../../secrets-file/data-key.ts');
  const { kek } = await openFileKek(file, work);
  work.closing(() => kek.close());
  const key = await work.patiently(() => unwrapDataKey(kek, dataKey, id, work.call));
  work.closing(() => key.dispose());
  return dataKeySealer(key, id, work.random);
}

async function psymlSealing(file: SecretsFile, work: Work): Promise<Sealing> {
  const { psymlSealer } = await import('../../secrets-file/psyml-sealer.ts');
  const declared = file.header.encrypted_with === '' ? undefined : file.header.encrypted_with;
  const current = () => work.currentKey();
  const sealer = psymlSealer(work.localKey, { declared, current, tell: work.tell });
  return { sealer, header: { encrypted_with: declared ?? (await current()) } };
}

function nothingSealed(): Sealer {
  const refuse = async (): Promise<never> => {
    throw new KeysteadError('unexpected', 'a file without a data key was asked for a sealed value');
  };
  return { width: 1, seal: refuse, open: refuse };
}
