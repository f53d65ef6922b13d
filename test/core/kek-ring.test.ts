import t from 'tap';
import type { Context } from '../../src/core/context.ts';
import { KeysteadError, type Reason } from '../../src/core/errors.ts';
import type { Kek } from '../../src/core/kek.ts';
import { kekRing } from '../../src/core/kek-ring.ts';
import { kekSuite } from '../conformance/kek.ts';
import { openClusterKek, secretOf } from '../support/cluster-kek.ts';
import { failure } from '../support/failure.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const context: Context = { id: 'a' };
const key = secretOf('k');

kekSuite(t, async (t) => ({
  kek: kekRing(await openClusterKek(t, 'a'), [await openClusterKek(t, 'b')]),
  other: await openClusterKek(t, 'c'),
}));

/** A KEK that goes by another name. */
function named(uri: string, kek: Kek, closed: string[] = []): Kek {
  return {
    uri,
    wrap: async (key, context, call) => ({ ...(await kek.wrap(key, context, call)), kek: uri }),
    unwrap: (wrapped, context, call) => kek.unwrap({ ...wrapped, kek: kek.uri }, context, call),
    check: (call) => kek.check(call),
    close: async () => void closed.push(uri),
  };
}

function failing(uri: string, reason: Reason): Kek {
  const fail = async () => {
    throw new KeysteadError(reason, `${uri} fails`);
  };
  return { uri, wrap: fail, unwrap: fail, check: fail, close: async () => {} };
}

t.test('the current KEK wraps, and the one that is named unwraps', async (t) => {
  const [a, b] = [
    named('kms://aws?keyName=a', await openClusterKek(t, 'a')),
    named('kms://gcp?keyName=b', await openClusterKek(t, 'b')),
  ];
  const old = await b.wrap(key, context, call);
  const ring = kekRing(a, [b]);
  t.equal(ring.uri, a.uri);
  t.equal((await ring.wrap(key, context, call)).kek, a.uri);
  t.ok((await ring.unwrap(old, context, call)).equals(key));
  t.ok((await ring.unwrap(await a.wrap(key, context, call), context, call)).equals(key));
});

t.test('of KEKs of one name, the one that wrapped is found', async (t) => {
  const [a, b, c]: [Kek, Kek, Kek] = [
    await openClusterKek(t, 'a'),
    await openClusterKek(t, 'b'),
    await openClusterKek(t, 'c'),
  ];
  const ring = kekRing(a, [b]);
  t.ok((await ring.unwrap(await b.wrap(key, context, call), context, call)).equals(key));
  const lost = await c.wrap(key, context, call);
  await t.rejects(ring.unwrap(lost, context, call), failure('fingerprint-mismatch'));
});

t.test('a KEK that goes by another name now is found by its kind', async (t) => {
  const inner = await openClusterKek(t, 'a');
  const old = await named('kms://aws?region=r&keyName=alias/a', inner).wrap(key, context, call);
  const other = named('kms://aws?keyName=other', await openClusterKek(t, 'b'));
  const ring = kekRing(other, [named('kms://aws?keyName=arn', inner)]);
  t.ok((await ring.unwrap(old, context, call)).equals(key));
  t.ok((await ring.unwrap({ ...old, kek: 'kms://aws' }, context, call)).equals(key), 'also of a kind alone');
});

t.test('a KEK that is not here is named, and what to do', async (t) => {
  const a = named('kms://aws?keyName=a', await openClusterKek(t, 'a'));
  const gone = await named('kms://gcp?keyName=gone', await openClusterKek(t, 'b')).wrap(key, context, call);
  const message = /wrapped by kms:\/\/gcp\?keyName=gone, version 1-.*\(kms:\/\/aws\?keyName=a\); add it to the former/;
  await t.rejects(kekRing(a, []).unwrap(gone, context, call), failure('unknown-kek', message));
  const alike = kekRing(a, [failing('kms://gcp?keyName=b', 'context-mismatch')]);
  await t.rejects(alike.unwrap(gone, context, call), failure('unknown-kek', /keyName=gone/));
});

t.test('a KEK that is away is not passed over, and damage stays damage', async (t) => {
  const inner = await openClusterKek(t, 'a');
  const a = named('kms://aws?keyName=a', inner);
  const old = await a.wrap(key, context, call);
  const away = kekRing(failing('kms://aws?keyName=new', 'kms-unreachable'), [named('kms://aws?keyName=arn', inner)]);
  await t.rejects(away.unwrap(old, context, call), failure('kms-unreachable'));
  await t.rejects(kekRing(a, []).unwrap(old, { id: 'b' }, call), failure('context-mismatch'));
});

t.test('readiness is that of the current KEK, and closing closes all', async (t) => {
  const closed: string[] = [];
  const a = named('kms://aws?keyName=a', await openClusterKek(t, 'a'), closed);
  const b = named('kms://aws?keyName=b', await openClusterKek(t, 'b'), closed);
  await kekRing(a, [failing('kms://gcp', 'kms-unreachable')]).check(call);
  await t.rejects(kekRing(failing('kms://gcp', 'kms-timeout'), [a]).check(call), failure('kms-timeout'));
  await kekRing(a, [b]).close();
  t.same(closed.toSorted(), [a.uri, b.uri]);
});
