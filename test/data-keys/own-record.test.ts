import t from 'tap';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import { PROBE_NAME, proveConditionalWrites } from '../../src/core/store-check.ts';
import { PURGE_RECORD_NAME, purgeDaily } from '../../src/data-keys/daily-purge.ts';
import { assertKekIdentity, KEK_RECORD_NAME } from '../../src/data-keys/kek-identity.ts';
import { openTokenKey, TOKEN_KEY_RECORD_NAME } from '../../src/data-keys/token-key.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { testAmbient, testCall } from '../support/services.ts';
import { storedHouse } from '../support/stored-house.ts';

const call = testCall();
const { random } = testAmbient();
const OWN = [PROBE_NAME, KEK_RECORD_NAME, TOKEN_KEY_RECORD_NAME, PURGE_RECORD_NAME];
const DAY = 86_400_000;

/** The same store with a prefix, as another service may be given it. */
function inFolder(store: WrappedKeyStore, prefix: string): WrappedKeyStore {
  return {
    ...store,
    read: (name, call) => store.read(prefix + name, call),
    create: (name, bytes, call) => store.create(prefix + name, bytes, call),
    replace: (name, bytes, etag, call) => store.replace(prefix + name, bytes, etag, call),
  };
}

t.test('a service that is given the folder of another loses none of its data keys', async (t) => {
  const { dataKeys, store, kek } = await storedHouse(t);
  const ids = OWN.map((name) => name.replace('.json', ''));
  const hex = async (id: string) =>
    Buffer.from((await dataKeys.get({ id, length: 32, create: 'if-missing' }, call)).key.expose()).toString('hex');
  const keys = await Promise.all(ids.map(hex));
  const inner = inFolder(store, 'data-keys/');

  await t.rejects(proveConditionalWrites(inner, call), failure('record-corrupt', /another prefix/));
  const identity = assertKekIdentity(
    { store: inner, clock: new FakeClock() },
    { uri: 'kms://x', fingerprint: 'f' },
    call,
  );
  await t.rejects(identity, failure('record-corrupt'));
  const token = openTokenKey({ ...testAmbient(), kek, store: inner });
  await t.rejects(token.mac(new Uint8Array(1), call), failure('record-corrupt', /another prefix/));
  const clock = new FakeClock();
  let purged = 0;
  const purge = async () => purged++;
  const daily = purgeDaily({ store: inner, clock, random, purge, ownCall: () => call });
  await clock.advance(DAY);
  await daily.close();
  t.equal(purged, 0);

  t.same(await Promise.all(ids.map(hex)), keys);
});
