import t from 'tap';
import { openBlobInfo, readBlobInfo } from '../../src/core/blob-info.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { failure } from '../support/failure.ts';
import vectors from '../vectors/constellation-records.json' with { type: 'json' };

const read = (text: string) => readBlobInfo(Buffer.from(text), 'pvc-1');
const secret = (base64: string) => SecretBytes.own(Uint8Array.from(Buffer.from(base64, 'base64')));
const ALGORITHMS: Record<string, string> = { aws: 'aws-kms', gcp: 'gcp-kms', azure: 'RSA-OAEP-256' };

t.test('what go-kms-wrapping wrote with each plugin is read, and opens with its content key', async (t) => {
  t.same(new Set(vectors.samples.map(({ provider }) => provider)), new Set(['aws', 'gcp', 'azure']));
  for (const { provider, blob, contentKey, dataKey } of vectors.samples) {
    const info = read(blob);
    const { key_id, wrapped_key } = JSON.parse(blob).key_info;
    t.match(info.contentKey, { kek: `kms://${provider}`, version: key_id, algorithm: ALGORITHMS[provider] });
    t.equal(Buffer.from(info.contentKey.bytes).toString('base64'), wrapped_key);
    const key = openBlobInfo(info, secret(contentKey));
    t.ok(key.equals(secret(dataKey)));
    t.equal(info.length, key.length);
  }
});

t.test('it does not open with another content key, nor when a bit was changed', async (t) => {
  const { blob, contentKey } = vectors.samples[0] ?? { blob: '', contentKey: '' };
  const info = read(blob);
  t.throws(() => openBlobInfo(info, SecretBytes.own(new Uint8Array(32))), failure('context-mismatch'));
  t.throws(() => openBlobInfo(info, SecretBytes.own(new Uint8Array(31))), failure('record-corrupt', /31 bytes/));
  for (const at of [0, info.ciphertext.length - 1]) {
    const ciphertext = info.ciphertext.map((byte, n) => (n === at ? byte ^ 1 : byte));
    t.throws(() => openBlobInfo({ ...info, ciphertext }, secret(contentKey)), failure('context-mismatch'));
  }
});

t.test('the base64url text that earlier Azure plugins stored as the wrapped key is decoded', async (t) => {
  const azure = vectors.samples.find(({ provider }) => provider === 'azure')?.blob ?? '';
  const { bytes } = read(azure).contentKey;
  const blob = JSON.parse(azure);
  blob.key_info.wrapped_key = Buffer.from(Buffer.from(bytes).toString('base64url')).toString('base64');
  t.same([...read(JSON.stringify(blob)).contentKey.bytes], [...bytes]);
});

t.test('whatever is not exactly such a record is refused, and the error shows nothing of it', async (t) => {
  const good = JSON.parse(vectors.samples[0]?.blob ?? '');
  const withKey = (change: object) => ({ ...good, key_info: { ...good.key_info, ...change } });
  const cases: [unknown, RegExp][] = [
    [[], /is not a JSON object/],
    [{ ...good, plaintext: 'AAAA' }, /unknown fields/],
    [{ ...good, iv: 'AAAA' }, /an iv of 3 bytes/],
    [{ ...good, ciphertext: 'AAAA' }, /a ciphertext of 3 bytes/],
    [{ ...good, ciphertext: undefined }, /in ciphertext/],
    [{ ...good, key_info: 7 }, /no object in key_info/],
    [withKey({ mechanism: 0 }), /has mechanism 0, not 1/],
    [withKey({ mechanism: undefined }), /has mechanism 0, not 1/],
    [withKey({ key_id: 'alias/some key' }), /names no key of AWS/],
    [withKey({ wrapped_key: '' }), /in key_info.wrapped_key/],
    [withKey({ key: 'AAAA' }), /unknown fields in key_info/],
  ];
  for (const [value, message] of cases) {
    t.throws(() => read(JSON.stringify(value)), failure('record-corrupt', message));
  }
  t.throws(() => read('{"keystead":1}'), failure('record-corrupt', /none that Constellation wrote/));
  t.throws(() => read('PLANTED'), failure('record-corrupt', /^(?!.*PLANTED)/s));
});
