import { createDecipheriv } from 'node:crypto';
import { MAX_KEY_LENGTH } from './derive.ts';
import { KeysteadError } from './errors.ts';
import { JsonFields, type Refuse } from './json-fields.ts';
import type { WrappedKey } from './kek.ts';
import { SecretBytes } from './secret-bytes.ts';
import { parseStrictJson } from './strict-json.ts';
import { MAX_RECORD_LENGTH } from './wrapped-record.ts';

/** A data key as Constellation stores it: sealed under a content key, which a cloud's KEK wraps with no context. */
export interface BlobInfo {
  /** The content key. Its `kek` names the cloud alone, `kms://aws`, because the blob does not say more. */
  readonly contentKey: WrappedKey;
  readonly iv: Uint8Array;
  readonly ciphertext: Uint8Array;
  /** Bytes of the data key. */
  readonly length: number;
}

const IV_LENGTH = 12;
const TAG_LENGTH = 16;
const CONTENT_KEY_LENGTH = 32;
/** Levels: the blob, what it says of its key. */
const MAX_DEPTH = 2;

/**
 * Reads the BlobInfo of go-kms-wrapping in the JSON that Constellation writes with its AWS, GCP and Azure plugins
 * (docs/formats/wrapped-record.md). Strict, as `readRecord` is.
 */
export function readBlobInfo(bytes: Uint8Array, name: string): BlobInfo {
  const corrupt = (what: string) =>
    new KeysteadError('record-corrupt', `the record ${name} is none that Constellation wrote: it ${what}`);
  if (bytes.length > MAX_RECORD_LENGTH) throw corrupt(`is ${bytes.length} bytes long`);
  const value = parseStrictJson(bytes, MAX_DEPTH, corrupt);
  const fields = new JsonFields(value, '', corrupt);
  fields.assertOnly(['ciphertext', 'iv', 'key_info']);
  const [iv, ciphertext] = [fields.base64('iv'), fields.base64('ciphertext')];
  const length = ciphertext.length - TAG_LENGTH;
  if (iv.length !== IV_LENGTH) throw corrupt(`has an iv of ${iv.length} bytes`);
  if (length < 1 || length > MAX_KEY_LENGTH) throw corrupt(`has a ciphertext of ${ciphertext.length} bytes`);
  const keyInfo = (value as { readonly key_info?: unknown }).key_info;
  return { contentKey: readKeyInfo(keyInfo, corrupt), iv, ciphertext, length };
}

/** Opens the data key with the content key. Throws `context-mismatch` when the key or any bit is another. */
export function openBlobInfo({ iv, ciphertext }: BlobInfo, contentKey: SecretBytes): SecretBytes {
  if (contentKey.length !== CONTENT_KEY_LENGTH) {
    throw new KeysteadError('record-corrupt', `the content key is ${contentKey.length} bytes long, not 32`);
  }
  const options = { authTagLength: TAG_LENGTH };
  const decipher = createDecipheriv('aes-256-gcm', contentKey.expose(), iv, options);
  decipher.setAuthTag(ciphertext.subarray(-TAG_LENGTH));
  const key = decipher.update(ciphertext.subarray(0, -TAG_LENGTH));
  try {
    decipher.final();
  } catch {
    key.fill(0);
    throw new KeysteadError('context-mismatch', 'the data key of Constellation does not open: it was changed');
  }
  return SecretBytes.own(key);
}

interface Cloud {
  readonly kek: string;
  /** What the cloud's plugin calls the key that wrapped. */
  readonly keyId: RegExp;
  /** Its number for "the data key is sealed under a content key"; absent in JSON where it is 0. */
  readonly mechanism: number;
  readonly algorithm: string;
}

/** The blob does not name its plugin; the form of the key's id does. */
const CLOUDS: readonly Cloud[] = [
  { kek: 'kms://aws', keyId: /^arn:[a-z-]+:kms:/, mechanism: 1, algorithm: 'aws-kms' },
  {
    kek: 'kms://gcp',
    keyId: /^projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+\/cryptoKeyVersions\/\d+$/,
    mechanism: 1,
    algorithm: 'gcp-kms',
  },
  { kek: 'kms://azure', keyId: /^[0-9A-Za-z]{1,64}$/, mechanism: 0, algorithm: 'RSA-OAEP-256' },
];

function readKeyInfo(value: unknown, corrupt: Refuse): WrappedKey {
  const fields = new JsonFields(value, 'key_info.', corrupt);
  const hasMechanism = fields.has('mechanism');
  fields.assertOnly(['key_id', 'wrapped_key', ...(hasMechanism ? ['mechanism'] : [])]);
  const version = fields.text('key_id', 4096);
  const cloud = CLOUDS.find(({ keyId }) => keyId.test(version));
  if (cloud === undefined) throw corrupt('names no key of AWS, Google Cloud or Azure in key_info.key_id');
  const mechanism = hasMechanism ? fields.integer('mechanism', 0, 1000) : 0;
  if (mechanism !== cloud.mechanism) throw corrupt(`has mechanism ${mechanism}, not ${cloud.mechanism}`);
  const bytes = fields.base64('wrapped_key');
  const { kek, algorithm } = cloud;
  return { kek, version, algorithm, bytes: kek === 'kms://azure' ? withoutBase64(bytes) : bytes };
}

/** Earlier versions of the Azure plugin stored the text of a base64url here. */
function withoutBase64(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('latin1');
  const decoded = Buffer.from(text, 'base64url');
  return decoded.toString('base64url') === text ? decoded : bytes;
}
