import t from 'tap';
import * as testing from '../src/testing.ts';
import { rejection } from './support/rejection.ts';

const call = () => testing.ownCall({ random: testing.systemRandom });

t.test('the entry point gives doors in memory, and what they are called with', async (t) => {
  t.same(Object.keys(testing).sort(), [
    'KeysteadError',
    'SecretBytes',
    'memoryKeyAdmin',
    'memoryParameters',
    'memoryStore',
    'openTestKek',
    'ownCall',
    'systemClock',
    'systemRandom',
  ]);
});

t.test('a test KEK is open, and each is another one', async (t) => {
  const [one, other] = [await testing.openTestKek(), await testing.openTestKek()];
  t.teardown(() => Promise.all([one.close(), other.close()]));
  const key = testing.SecretBytes.own(testing.systemRandom.bytes(32));
  const wrapped = await one.wrap(key, { name: 'a' }, call());
  t.ok((await one.unwrap(wrapped, { name: 'a' }, call())).equals(key));
  t.match(await rejection(one.unwrap(wrapped, { name: 'b' }, call())), { reason: 'context-mismatch' });
  t.match(await rejection(other.unwrap(wrapped, { name: 'a' }, call())), { reason: 'fingerprint-mismatch' });
  t.ok(one.derive('volume', 32).equals(one.derive('volume', 32)));
  t.notOk(one.derive('volume', 32).equals(other.derive('volume', 32)));
});

t.test('each store, parameter store and KMS is empty at first, and keeps what it is given', async (t) => {
  const store = testing.memoryStore();
  t.ok(await store.create('name', Buffer.from('wrapped'), call()));
  t.same((await store.read('name', call()))?.bytes, Buffer.from('wrapped'));
  t.equal(await testing.memoryStore().read('name', call()), undefined);
  const parameters = testing.memoryParameters();
  const parameter = { value: testing.SecretBytes.copyOf(Buffer.from('v')) };
  await parameters.apply([{ kind: 'put', place: '/app/p', parameter }], call());
  const found = await parameters.read(['/app/p'], new Set(), call());
  t.equal(Buffer.from(found.get('/app/p')?.value.expose() ?? []).toString(), 'v');
  const kms = testing.memoryKeyAdmin({ clock: testing.systemClock });
  const { id } = await kms.create('app-key', {}, call());
  t.equal((await kms.find('app-key', [], call()))?.id, id);
});
