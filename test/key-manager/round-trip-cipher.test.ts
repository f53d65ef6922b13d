import fc from 'fast-check';
import t from 'tap';
import { KeyManager } from '../../src/key-manager/key-manager.ts';
import { memoryKeyRing } from '../../src/key-manager/key-ring.ts';
import { RoundTripCipher } from '../../src/key-manager/round-trip-cipher.ts';
import { storedKeyRing } from '../../src/key-manager/stored-key-ring.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { FakeKek } from '../support/fake-kek.ts';
import { holds } from '../support/property.ts';
import { rejection } from '../support/rejection.ts';
import { testAmbient, testCall } from '../support/services.ts';

const { random } = testAmbient();
const call = () => testCall();
const keyOf = (n: number) => `the key of version ${n}`;

function cipherWith(ring = memoryKeyRing(), value = { now: keyOf(1) }) {
  const manager = new KeyManager();
  manager.defineKey({ name: 'K', store: () => value.now, useCase: 'ROUND_TRIP' });
  return { cipher: new RoundTripCipher({ manager, name: 'K', ring, random }), value, manager };
}

t.test('what was encrypted before a rotation opens after it, without a callback', async (t) => {
  const { cipher, value } = cipherWith();
  const old = await cipher.encrypt(Buffer.from('old'));
  value.now = keyOf(2);
  const fresh = await cipher.encrypt(Buffer.from('fresh'));
  t.not(cipher.keyIdOf(old), cipher.keyIdOf(fresh));
  t.equal(Buffer.from((await cipher.decrypt(old)).expose()).toString(), 'old');
  t.equal(Buffer.from((await cipher.decrypt(fresh)).expose()).toString(), 'fresh');
});

t.test('any data opens under its context alone, and no changed byte passes', async (t) => {
  const { cipher } = cipherWith();
  await holds(
    t,
    fc.asyncProperty(fc.uint8Array(), fc.dictionary(fc.string(), fc.string()), fc.nat(), async (data, given, at) => {
      const context = Object.fromEntries(Object.entries(given).filter((pair) => pair.join('').isWellFormed()));
      const sealed = await cipher.encrypt(data, context);
      const opened = await cipher.decrypt(sealed, context);
      if (Buffer.compare(opened.expose(), data) !== 0) return false;
      await rejection(cipher.decrypt(sealed, { ...context, more: 'x' }));
      const changed = Buffer.from(sealed);
      const where = at % changed.length;
      changed[where] = (changed[where] as number) ^ 1;
      await rejection(cipher.decrypt(changed, context));
      return true;
    }),
    { numRuns: 50 },
  );
});

t.test('in the next life the ring in the store has the key, and without a ring the source may', async (t) => {
  const store = memoryStore();
  const kek = new FakeKek();
  const ring = () => storedKeyRing({ store, kek, random, call, keyName: 'K' });
  const before = cipherWith(ring());
  const old = await before.cipher.encrypt(Buffer.from('data'));
  const value = { now: keyOf(2) };
  const after = cipherWith(ring(), value);
  t.equal(Buffer.from((await after.cipher.decrypt(old)).expose()).toString(), 'data');
  const stranger = cipherWith(memoryKeyRing(), value);
  t.match(await rejection(stranger.cipher.decrypt(old)), { reason: 'key-not-defined' });
  value.now = keyOf(1);
  t.equal(Buffer.from((await stranger.cipher.decrypt(old)).expose()).toString(), 'data');
  t.equal(stranger.manager.getLastFlow('K'), undefined, 'that was no use of the key');
  const id = before.cipher.keyIdOf(old);
  await after.cipher.decrypt(old);
  await ring().remove(id);
  value.now = keyOf(3);
  t.match(await rejection(cipherWith(ring(), value).cipher.decrypt(old)), { reason: 'key-not-defined' });
});

t.test('workers that add to one ring lose no key of each other', async (t) => {
  const store = memoryStore();
  const kek = new FakeKek();
  const ring = () => storedKeyRing({ store, kek, random, call, keyName: 'K' });
  const values = Array.from({ length: 8 }, (_, n) => ({ now: keyOf(n) }));
  const sealed = await Promise.all(
    values.map((value) => cipherWith(ring(), value).cipher.encrypt(Buffer.from(value.now))),
  );
  const reader = cipherWith(ring(), { now: keyOf(99) });
  for (const [n, one] of sealed.entries()) {
    t.equal(Buffer.from((await reader.cipher.decrypt(one)).expose()).toString(), keyOf(n));
  }
});

t.test('nothing is handed out under a key that the ring could not keep', async (t) => {
  const kek = new FakeKek();
  const { cipher } = cipherWith(storedKeyRing({ store: memoryStore(), kek, random, call, keyName: 'K' }));
  kek.fails = { wrap: 'kms-unreachable' };
  t.match(await rejection(cipher.encrypt(Buffer.from('x'))), { reason: 'kms-unreachable' });
  kek.fails = {};
  await cipher.encrypt(Buffer.from('x'));
});

t.test('short keys and foreign bytes are refused', async (t) => {
  const { cipher, value } = cipherWith();
  value.now = '15 bytes of key';
  t.match(await rejection(cipher.encrypt(Buffer.from('x'))), { reason: 'bad-key-value', message: /at least 16/ });
  for (const bytes of [new Uint8Array(), Uint8Array.of(1, 2), Buffer.alloc(60, 7)]) {
    t.match(await rejection(cipher.decrypt(bytes)), { reason: 'record-corrupt' });
  }
});
