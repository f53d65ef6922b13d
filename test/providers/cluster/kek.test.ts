import { createHmac, hkdfSync } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { dataKeyContext } from '../../../src/core/context.ts';
import { Expander } from '../../../src/core/derive.ts';
import { KeysteadError } from '../../../src/core/errors.ts';
import { SecretBytes } from '../../../src/core/secret-bytes.ts';
import { kekSuite } from '../../conformance/kek.ts';
import { openClusterKek, sealedClusterKek, secretOf } from '../../support/cluster-kek.ts';
import { failure } from '../../support/failure.ts';
import { hashesUsed, isWiped } from '../../support/hash-memory.ts';
import { holds } from '../../support/property.ts';
import { recordedSecrets } from '../../support/recorded-secrets.ts';
import { testCall } from '../../support/services.ts';
import constellation from '../../vectors/constellation.json' with { type: 'json' };

const call = testCall();
const context = dataKeyContext('pvc-1', 1, 32);
const base64 = (text: string) => SecretBytes.own(Uint8Array.from(Buffer.from(text, 'base64')));

kekSuite(t, async (t) => ({ kek: await openClusterKek(t, 'a'), other: await openClusterKek(t, 'b') }));

t.test('data keys are the ones that Constellation derives', async (t) => {
  for (const { name, masterSecret, salt, cases } of constellation.sets) {
    const kek = sealedClusterKek(t);
    await kek.bootstrap(base64(masterSecret), base64(salt));
    for (const { request, response } of cases) {
      if (request.id === undefined || request.length === undefined || !('key' in response)) continue;
      const key = kek.derive(request.id, request.length);
      t.equal(Buffer.from(key.expose()).toString('base64'), response.key, `${name}: ${request.length} bytes`);
    }
  }
});

t.test('data keys are the ones that node:crypto derives, for any id and length', async (t) => {
  const kek = await openClusterKek(t);
  const [masterSecret, salt] = [secretOf('master secret a').expose(), secretOf('salt a').expose()];
  const id = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 });
  await holds(
    t,
    fc.property(id, fc.integer({ min: 1, max: 8160 }), (id, length) => {
      const theirs = Buffer.from(hkdfSync('sha256', masterSecret, salt, `key-${id}`, length));
      return Buffer.compare(kek.derive(id, length).expose(), theirs) === 0;
    }),
  );
});

t.test('ids that node:crypto refuses for their length derive, too, each to a key of its own', async (t) => {
  const kek = await openClusterKek(t);
  const prk = createHmac('sha256', secretOf('salt a').expose()).update(secretOf('master secret a').expose()).digest();
  for (const id of ['x'.repeat(1021), 'x'.repeat(4095), 'x'.repeat(4096), '\u{1f600}'.repeat(1024)]) {
    const theirs = createHmac('sha256', prk).update(`key-${id}\x01`).digest();
    t.equal(Buffer.compare(kek.derive(id, 32).expose(), theirs), 0);
  }
});

t.test('ids and lengths that would share a key with others are refused', async (t) => {
  const kek = await openClusterKek(t);
  for (const id of ['', 'x'.repeat(4097), `${'x'.repeat(4095)}\u00e9`, 'lone \ud800']) {
    t.throws(() => kek.derive(id, 32), failure('bad-id'));
  }
  for (const length of [0, -1, 1.5, 8161, 2 ** 32, Number.NaN]) {
    t.throws(() => kek.derive('a', length), failure('bad-length'));
  }
});

t.test('it is sealed until it is given, and again when it is closed', async (t) => {
  const kek = sealedClusterKek(t);
  const isSealed = async () => {
    t.equal(kek.info(), undefined);
    t.throws(() => kek.derive('a', 32), failure('sealed'));
    await t.rejects(kek.check(), failure('sealed'));
    await t.rejects(kek.wrap(secretOf('k'), context), failure('sealed'));
    await t.rejects(
      kek.unwrap({ kek: kek.uri, version: '', algorithm: '', bytes: new Uint8Array() }, context),
      failure('sealed'),
    );
  };
  await isSealed();
  const info = await kek.bootstrap(secretOf('m'), secretOf('s'));
  t.same(kek.info(), info);
  await kek.check();
  await kek.close();
  await isSealed();
});

t.test('the master secret has 16 bytes or more, the salt 32 or more', async (t) => {
  const kek = sealedClusterKek(t);
  const bytes = (length: number) => SecretBytes.own(new Uint8Array(length).fill(7));
  await t.rejects(kek.bootstrap(bytes(15), bytes(32)), failure('bad-master-secret', /15 bytes/));
  await t.rejects(kek.bootstrap(bytes(0), bytes(32)), failure('bad-master-secret'));
  await t.rejects(kek.bootstrap(bytes(16), bytes(31)), failure('bad-salt', /31 bytes/));
  await t.rejects(kek.bootstrap(bytes(16), bytes(0)), failure('bad-salt'));
  t.equal(kek.info(), undefined);
  await kek.bootstrap(bytes(16), bytes(32));
  t.match(kek.info(), { version: 1 });
});

t.test('given the same again, nothing changes; given another, it is refused and nothing changes', async (t) => {
  const kek = sealedClusterKek(t);
  const first = await kek.bootstrap(secretOf('m'), secretOf('s'), call);
  t.match(first.fingerprint, /^[0-9a-f]{32}$/);
  t.same(await kek.bootstrap(secretOf('m'), secretOf('s'), call), first);
  const key = kek.derive('a', 32);
  for (const [masterSecret, salt] of [
    ['other', 's'],
    ['m', 'other'],
  ] as const) {
    await t.rejects(kek.bootstrap(secretOf(masterSecret), secretOf(salt), call), failure('kek-exists'));
  }
  t.same(kek.info(), first);
  t.ok(kek.derive('a', 32).equals(key));
});

t.test('the fingerprint is the one in docs/formats/derivation.md', async (t) => {
  const kek = await openClusterKek(t);
  const [masterSecret, salt] = [secretOf('master secret a').expose(), secretOf('salt a').expose()];
  const theirs = Buffer.from(hkdfSync('sha256', masterSecret, salt, 'keystead/kek-fingerprint/v1', 16)).toString('hex');
  t.equal(kek.info()?.fingerprint, theirs);
});

t.test('bootstrap leaves its arguments to its caller', async (t) => {
  const kek = sealedClusterKek(t);
  const [masterSecret, salt] = [secretOf('m'), secretOf('s')];
  await kek.bootstrap(masterSecret, salt, call);
  const key = kek.derive('a', 32);
  masterSecret.dispose();
  salt.dispose();
  t.ok(kek.derive('a', 32).equals(key), 'and keeps nothing of them');
});

t.test('a KEK that is not accepted is not taken', async (t) => {
  const seen: unknown[] = [];
  const kek = sealedClusterKek(t, async (info, with_) => {
    seen.push(info.fingerprint, with_);
    if (seen.length === 2) throw new KeysteadError('fingerprint-mismatch', 'not this one');
  });
  await t.rejects(kek.bootstrap(secretOf('m'), secretOf('s'), call), failure('fingerprint-mismatch'));
  t.equal(kek.info(), undefined);
  t.throws(() => kek.derive('a', 32), failure('sealed'));
  const info = await kek.bootstrap(secretOf('m'), secretOf('s'), call);
  t.same(seen, [info.fingerprint, call, info.fingerprint, call]);
});

t.test('of two KEKs that are given at once, one is taken and the other refused', async (t) => {
  const kek = sealedClusterKek(t, () => new Promise(setImmediate));
  const ends = await Promise.allSettled(['a', 'b', 'a'].map((name) => kek.bootstrap(secretOf(name), secretOf('s'))));
  t.match(ends, [{ status: 'fulfilled' }, { status: 'rejected', reason: { reason: 'kek-exists' } }, {}]);
  t.equal(ends[2]?.status, 'fulfilled', 'the same one twice is fine');
  t.ok(kek.derive('x', 32).length === 32, 'and the one that was taken still works');
});

t.test('a key wrapped by another KEK is told from a damaged one', async (t) => {
  const [a, b] = [await openClusterKek(t, 'a'), await openClusterKek(t, 'b')];
  const wrapped = await a.wrap(secretOf('k'), context);
  t.equal(wrapped.version, `1-${a.info()?.fingerprint}`);
  t.equal(wrapped.algorithm, 'A256GCM-HKDF-SHA256');
  await t.rejects(b.unwrap(wrapped, context), failure('fingerprint-mismatch'));
  await t.rejects(a.unwrap({ ...wrapped, kek: 'kms://aws?keyName=k' }, context), failure('fingerprint-mismatch'));
  await t.rejects(a.unwrap({ ...wrapped, algorithm: 'none' }, context), failure('record-corrupt'));
});

t.test('another KEK is refused before anybody is asked whether to accept it', async (t) => {
  let asked = 0;
  const kek = sealedClusterKek(t, async () => void asked++);
  await kek.bootstrap(secretOf('m'), secretOf('s'), call);
  await t.rejects(kek.bootstrap(secretOf('other'), secretOf('s'), call), failure('kek-exists'));
  t.equal(asked, 1);
});

t.test('the wrapping key is wiped after every use', async (t) => {
  const kek = await openClusterKek(t);
  const key = secretOf('k');
  const made = recordedSecrets(t);
  const opened = await kek.unwrap(await kek.wrap(key, context), context);
  t.equal(made.length, 3);
  for (const secret of made) t.equal(secret.disposed, secret !== opened);
});

t.test('what is kept of a KEK is wiped when it is closed or not taken', async (t) => {
  let wiped = 0;
  const { dispose } = Expander.prototype;
  t.teardown(() => Object.assign(Expander.prototype, { dispose }));
  Expander.prototype.dispose = function () {
    wiped++;
    dispose.call(this);
  };
  const kek = sealedClusterKek(t);
  await kek.bootstrap(secretOf('m'), secretOf('s'));
  t.equal(wiped, 0);
  await t.rejects(kek.bootstrap(secretOf('other'), secretOf('s')), failure('kek-exists'));
  t.equal(wiped, 1);
  await kek.close();
  t.equal(wiped, 2);
});

t.test('no data key stays in the working memory of the hash', async (t) => {
  const kek = await openClusterKek(t);
  const { into } = hashesUsed(() => kek.derive('a', 33).dispose());
  t.equal(into.size, 1);
  for (const hash of into) t.ok(isWiped(hash));
});
