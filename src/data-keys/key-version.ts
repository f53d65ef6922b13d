import { type BlobInfo, openBlobInfo } from '../core/blob-info.ts';
import type { Call } from '../core/call.ts';
import { type Context, dataKeyContext } from '../core/context.ts';
import { checkValue, hasCheckValue } from '../core/derive.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Kek, WrappedKey } from '../core/kek.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';
import { within } from '../core/within.ts';
import { MIN_CHECKED_LENGTH, type RecordVersion } from '../core/wrapped-record.ts';

/** The one version of a data key that is still as Constellation stored it. */
export interface BlobVersion {
  readonly version: 1;
  /** Its content key. */
  readonly wrapped: WrappedKey;
  readonly length: number;
  readonly blob: BlobInfo;
}

export type KeyVersion = RecordVersion | BlobVersion;

/** Constellation binds nothing to what it wraps. */
const NO_CONTEXT: Context = {};

/** Wraps the key for a record; the caller still disposes it. */
export async function wrapVersion(
  kek: Kek,
  id: string,
  version: { readonly version: number; readonly key: SecretBytes; readonly createdAt: Date },
  call: Call,
): Promise<RecordVersion> {
  const { version: number, key, createdAt } = version;
  const wrapped = await within(call, () => kek.wrap(key, dataKeyContext(id, number, key.length), call));
  const check = key.length < MIN_CHECKED_LENGTH ? {} : { check: checkValue(key) };
  return { version: number, wrapped, length: key.length, ...check, createdAt };
}

/** Opens what is stored. Throws `record-corrupt` when it opens and is not what the record says. The caller disposes. */
export async function openVersion(kek: Kek, id: string, version: KeyVersion, call: Call): Promise<SecretBytes> {
  if ('blob' in version) return openBlobVersion(kek, version, call);
  const key = await unwrap(kek, version.wrapped, dataKeyContext(id, version.version, version.length), call);
  if (key.length === version.length && (!version.check || hasCheckValue(key, version.check))) return key;
  key.dispose();
  throw new KeysteadError('record-corrupt', 'the wrapped data key opens, but is not the one that its record describes');
}

async function openBlobVersion(kek: Kek, { wrapped, blob }: BlobVersion, call: Call): Promise<SecretBytes> {
  const contentKey = await unwrap(kek, wrapped, NO_CONTEXT, call);
  try {
    return openBlobInfo(blob, contentKey);
  } finally {
    contentKey.dispose();
  }
}

function unwrap(kek: Kek, wrapped: WrappedKey, context: Context, call: Call): Promise<SecretBytes> {
  return within(
    call,
    () => kek.unwrap(wrapped, context, call),
    (late) => late.dispose(),
  );
}
