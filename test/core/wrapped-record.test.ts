import fc from 'fast-check';
import t from 'tap';
import { dataKeyContext } from '../../src/core/context.ts';
import { checkValue } from '../../src/core/derive.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import {
  isTombstone,
  MAX_RECORD_LENGTH,
  readRecord,
  type WrappedRecord,
  writeRecord,
} from '../../src/core/wrapped-record.ts';
import { recordName } from '../../src/data-keys/record-name.ts';
import { sealedClusterKek } from '../support/cluster-kek.ts';
import { failure } from '../support/failure.ts';
import { holds } from '../support/property.ts';
import golden from '../vectors/wrapped-record-v1.json' with { type: 'json' };

const base64 = (text: string) => SecretBytes.own(Uint8Array.from(Buffer.from(text, 'base64')));
const read = (text: string) => readRecord(Buffer.from(text), 'a.json') as WrappedRecord;
const VERSION = {
  version: 1,
  kek: 'kms://cluster-kms',
  kekVersion: '1-00',
  algorithm: 'A',
  length: 32,
  wrapped: 'AAEC',
  check: 'AAAAAAAAAAAAAAAAAAAAAA==',
  createdAt: '2027-01-31T12:00:00.000Z',
};
const RECORD = { keystead: 1, id: 'a', versions: [VERSION] };

t.test('records of format 1 are read for ever, and every key in them opens', async (t) => {
  const kek = sealedClusterKek(t);
  const info = await kek.bootstrap(base64(golden.masterSecret), base64(golden.salt));
  t.equal(info.fingerprint, golden.fingerprint);
  for (const { id, name, record, keys } of golden.records) {
    t.equal(recordName(id), name);
    const { id: readId, versions } = read(record);
    t.equal(readId, id);
    t.equal(versions.length, keys.length);
    for (const [n, { version, wrapped, length, check }] of versions.entries()) {
      const key = await kek.unwrap(wrapped, dataKeyContext(id, version, length));
      t.same({ version, length, key: Buffer.from(key.expose()).toString('base64') }, keys[n]);
      t.same(check && [...check], length < 16 ? undefined : [...checkValue(key)]);
    }
    t.equal(Buffer.from(writeRecord(readRecord(Buffer.from(record), name))).toString(), record, 'and are written so');
  }
});

t.test('what is left of purged keys is read for ever', async (t) => {
  for (const { id, name, record, lastVersion } of golden.tombstones) {
    t.equal(recordName(id), name);
    const tombstone = readRecord(Buffer.from(record), name);
    t.match(tombstone, { id, lastVersion, purgedAt: Date });
    t.ok(isTombstone(tombstone));
    t.equal(Buffer.from(writeRecord(tombstone)).toString(), record, 'and is written so');
  }
});

t.test('a record is read as it was written', async (t) => {
  const version = fc.record({
    wrapped: fc.record({
      kek: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 }),
      version: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 }),
      algorithm: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
      bytes: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    }),
    length: fc.integer({ min: 16, max: 8160 }),
    check: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    createdAt: fc.date({ min: new Date(0), max: new Date('2999-01-01'), noInvalidDate: true }),
  });
  const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 4 });
  const id = fc.string({ unit: 'binary', minLength: 1, maxLength: 100 });
  const time = fc.date({ min: new Date(0), max: new Date('2999-01-01'), noInvalidDate: true });
  const times = fc.record({ purgeAt: time, restoredAt: time }, { requiredKeys: [] });
  await holds(
    t,
    fc.property(id, numbers, fc.array(version, { minLength: 4, maxLength: 4 }), times, (id, numbers, parts, times) => {
      const ascending = numbers.toSorted((a, b) => a - b);
      const versions = ascending.map((version, n) => ({ version, ...parts[n] }));
      const record = { id, versions, ...times } as unknown as WrappedRecord;
      return same(readRecord(writeRecord(record), 'a.json'), record);
    }),
  );
});

t.test('a record that is cut off anywhere is damaged', async (t) => {
  const whole = JSON.stringify(RECORD);
  read(whole);
  for (let length = 0; length < whole.length; length++) {
    t.throws(() => read(whole.slice(0, length)), failure('record-corrupt', /^the record a\.json is damaged: /));
  }
});

t.test('what is wrong, and where, is said', async (t) => {
  const version = (change: object) => ({ ...RECORD, versions: [{ ...VERSION, ...change }] });
  const without = ({ ...object }: Record<string, unknown>, name: string) => {
    delete object[name];
    return object;
  };
  const cases: [unknown, RegExp][] = [
    [[], /is not a JSON object/],
    [null, /is not a JSON object/],
    [{ ...RECORD, more: 1 }, /has 1 unknown fields in itself/],
    [without(RECORD, 'keystead'), /whole number from 1 to \d+ in keystead/],
    [{ ...RECORD, keystead: '1' }, /in keystead/],
    [without(RECORD, 'id'), /a text of 1 to 4096 bytes in id/],
    [{ ...RECORD, id: '' }, /in id/],
    [{ ...RECORD, id: 'x'.repeat(4097) }, /in id/],
    [{ ...RECORD, id: '\ud800' }, /in id/],
    [{ ...RECORD, id: 7 }, /in id/],
    [{ ...RECORD, versions: {} }, /a list in versions/],
    [{ ...RECORD, versions: [] }, /has no versions/],
    [{ ...RECORD, versions: [], lastVersion: 0 }, /from 1 to \d+ in lastVersion/],
    [{ ...RECORD, versions: [], lastVersion: 1 }, /a time such as .* in purgedAt/],
    [{ ...RECORD, versions: [], lastVersion: 1, purgedAt: VERSION.createdAt, more: 1 }, /1 unknown fields/],
    [{ ...RECORD, lastVersion: 1 }, /1 unknown fields in itself/],
    [{ ...RECORD, purgeAt: '2027-01-31' }, /a time such as .* in purgeAt/],
    [{ ...RECORD, restoredAt: 7 }, /in restoredAt/],
    [{ ...RECORD, versions: [7] }, /has no object in versions\[0\]/],
    [{ ...RECORD, versions: [VERSION, VERSION] }, /versions out of order/],
    [{ ...RECORD, versions: [{ ...VERSION, version: 2 }, VERSION] }, /versions out of order/],
    [version({ more: 1 }), /has 1 unknown fields in versions\[0\]/],
    [version({ version: 0 }), /in versions\[0\]\.version/],
    [version({ version: 1.5 }), /in versions\[0\]\.version/],
    [version({ kek: 1 }), /in versions\[0\]\.kek/],
    [version({ kekVersion: null }), /in versions\[0\]\.kekVersion/],
    [version({ algorithm: '' }), /in versions\[0\]\.algorithm/],
    [version({ length: 0 }), /in versions\[0\]\.length/],
    [version({ length: 8161 }), /in versions\[0\]\.length/],
    [version({ wrapped: '' }), /standard base64 with padding in versions\[0\]\.wrapped/],
    [version({ wrapped: 'AAE' }), /in versions\[0\]\.wrapped/],
    [version({ wrapped: 'AA_-' }), /in versions\[0\]\.wrapped/],
    [version({ wrapped: 'AAE\n' }), /in versions\[0\]\.wrapped/],
    [version({ wrapped: 7 }), /in versions\[0\]\.wrapped/],
    [version({ check: 'AAAA' }), /in versions\[0\]\.check/],
    [version({ length: 15 }), /too short a key, in versions\[0\]\.check/],
    [version({ createdAt: '2027-01-31' }), /a time such as .* in versions\[0\]\.createdAt/],
    [version({ createdAt: '2027-02-31T12:00:00.000Z' }), /in versions\[0\]\.createdAt/],
    [version({ createdAt: 7 }), /in versions\[0\]\.createdAt/],
    [{ ...RECORD, versions: [VERSION, { ...VERSION, version: 2, length: 'x' }] }, /in versions\[1\]\.length/],
    [version({ kek: { deep: {} } }), /nested more than 3 levels/],
  ];
  for (const name of Object.keys(VERSION)) {
    if (name !== 'check') cases.push([{ ...RECORD, versions: [without(VERSION, name)] }, new RegExp(`\\.${name}$`)]);
  }
  for (const [record, message] of cases)
    t.throws(() => read(JSON.stringify(record)), failure('record-corrupt', message));
});

t.test('a record of a format to come is refused, and the error says what to do', async (t) => {
  const future = JSON.stringify({ keystead: 2, id: 'a', anything: ['else'] });
  t.throws(() => read(future), failure('record-corrupt', /has format 2, .* reads format 1; use a newer one/));
});

t.test('a member that is there twice, bytes that are not UTF-8, and a byte order mark are damage', async (t) => {
  const text = JSON.stringify(RECORD);
  t.throws(() => read(text.replace('"id":"a"', '"id":"a","id":"b"')), failure('record-corrupt', /twice/));
  t.throws(() => read(`\ufeff${text}`), failure('record-corrupt', /byte order mark/));
  t.throws(
    () => readRecord(Buffer.from(text.replace('"a"', '"\xff"'), 'latin1'), 'a'),
    failure('record-corrupt', /UTF-8/),
  );
});

t.test('a record that was only set out otherwise is still read', async (t) => {
  const { id, ...rest } = RECORD;
  t.same(read(JSON.stringify({ ...rest, id }, null, 2)), read(JSON.stringify(RECORD)));
});

t.test('a record over a million bytes is neither read nor written', async (t) => {
  const padded = JSON.stringify(RECORD).padEnd(MAX_RECORD_LENGTH, ' ');
  read(padded);
  t.throws(() => read(`${padded} `), failure('record-corrupt', /1000001 bytes/));
  const versions = Array.from({ length: 200 }, (_, n) => ({
    ...read(JSON.stringify(RECORD)).versions[0],
    version: n + 1,
  }));
  const large = {
    id: 'a',
    versions: versions.map((v) => ({ ...v, wrapped: { ...v.wrapped, bytes: new Uint8Array(9999) } })),
  };
  t.throws(() => writeRecord(large as unknown as WrappedRecord), failure('store-full'));
});

t.test('an error shows nothing of what is in the record', async (t) => {
  const planted = 'PLANTED';
  const texts = [
    planted,
    `{"keystead":1,"id":"a","${planted}":1,"versions":[]}`,
    JSON.stringify({ ...RECORD, versions: [{ ...VERSION, wrapped: planted }] }),
    JSON.stringify({ ...RECORD, versions: [{ ...VERSION, createdAt: planted }] }),
    JSON.stringify({ ...RECORD, keystead: planted }),
  ];
  for (const text of texts) t.throws(() => read(text), failure('record-corrupt', /^(?!.*PLANTED)/s));
});

function same(one: unknown, two: unknown): boolean {
  const plain = (value: unknown) =>
    JSON.stringify(value, (_name, part) => (part instanceof Uint8Array ? Buffer.from(part).toString('hex') : part));
  // Buffer has a toJSON of its own, which comes before the replacer.
  return plain(structuredClone(one)) === plain(structuredClone(two));
}
