import t, { type Test } from 'tap';
import { isTombstone, readRecord } from '../../src/core/wrapped-record.ts';
import type { DataKey } from '../../src/data-keys/data-keys.ts';
import { storedDataKeyJobs } from '../../src/data-keys/jobs.ts';
import { recordName } from '../../src/data-keys/record-name.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { testAmbient, testCall } from '../support/services.ts';
import { storedHouse } from '../support/stored-house.ts';

const call = testCall();
const { random } = testAmbient();
const ask = { id: 'a', length: 32, create: 'if-missing' } as const;
const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;
const hex = ({ key }: DataKey) => Buffer.from(key.expose()).toString('hex');

async function house(t: Test, restorableMs?: number) {
  const clock = new FakeClock();
  const opened = await storedHouse(t, { clock, ...(restorableMs === undefined ? {} : { restorableMs }) });
  const { dataKeys, store, kek } = opened;
  const first = hex(await dataKeys.get(ask, call));
  const { etag } = await dataKeys.describe('a', call);
  const jobs = storedDataKeyJobs({ store, kek, clock, random });
  return { dataKeys, store, kek, clock, jobs, etag, first };
}

async function stored(store: Awaited<ReturnType<typeof house>>['store']) {
  return readRecord((await store.read(recordName('a'), call))?.bytes ?? new Uint8Array(), 'a');
}

t.test('a deleted key is had by nobody, and says until when it can be restored', async (t) => {
  const { dataKeys, clock, etag } = await house(t);
  const purgeAt = new Date(clock.now().getTime() + 30 * DAY);
  const deleted = await dataKeys.delete('a', etag, call);
  t.match(deleted, { id: 'a', state: 'pending-deletion', purgeAt });
  const message = /purged at 2030-01-31T00:00:00\.000Z; restore it/;
  await t.rejects(dataKeys.get(ask, call), failure('pending-deletion', message));
  await t.rejects(dataKeys.get({ ...ask, version: 1 }, call), failure('pending-deletion'));
  await t.rejects(dataKeys.get({ ...ask, create: 'must' }, call), failure('pending-deletion'));
  await t.rejects(dataKeys.rotate('a', call), failure('pending-deletion'));
  await t.rejects(dataKeys.rewrap('a', call), failure('pending-deletion'));
  const info = { id: 'a', version: 1, state: 'pending-deletion', purgeAt, etag: deleted.etag } as const;
  t.match(await dataKeys.describe('a', call), info);
  t.match(await dataKeys.list('', undefined, 10, call), { items: [info] });
});

t.test('restoring brings the same key back', async (t) => {
  const { dataKeys, clock, etag, first } = await house(t);
  await dataKeys.delete('a', etag, call);
  await clock.advance(30 * DAY - 1);
  const restored = await dataKeys.restore('a', call);
  t.match(restored, { id: 'a', version: 1, state: 'active' });
  t.notOk('purgeAt' in restored);
  t.equal(hex(await dataKeys.get(ask, call)), first);
  t.same(await dataKeys.restore('a', call), restored, 'and a second time changes nothing');
});

t.test('only the state that was seen is deleted', async (t) => {
  const { dataKeys, etag } = await house(t);
  await t.rejects(dataKeys.delete('a', undefined, call), failure('precondition', /give the etag/));
  await t.rejects(dataKeys.delete('b', etag, call), failure('no-data-key'));
  await dataKeys.rotate('a', call);
  await t.rejects(dataKeys.delete('a', etag, call), failure('stale-etag'));
  t.match(await dataKeys.get(ask, call), { version: 2 });
});

t.test('deleting again says the same; a request from before a restoration deletes nothing', async (t) => {
  const { dataKeys, etag, clock } = await house(t);
  const deleted = await dataKeys.delete('a', etag, call);
  await clock.advance(1000);
  t.same(await dataKeys.delete('a', deleted.etag, call), deleted);
  const { etag: restored } = await dataKeys.restore('a', call);
  for (const old of [etag, deleted.etag]) await t.rejects(dataKeys.delete('a', old, call), failure('stale-etag'));
  t.match(await dataKeys.delete('a', restored, call), { state: 'pending-deletion' });
});

t.test('no record ever has the bytes of an earlier one, also where the clock stands still', async (t) => {
  const { dataKeys, store } = await house(t);
  const seen = new Set<string>();
  for (let n = 0; n < 3; n++) {
    const { etag } = await dataKeys.describe('a', call);
    seen.add(Buffer.from((await store.read(recordName('a'), call))?.bytes ?? []).toString());
    await dataKeys.delete('a', etag, call);
    seen.add(Buffer.from((await store.read(recordName('a'), call))?.bytes ?? []).toString());
    await dataKeys.restore('a', call);
  }
  t.equal(seen.size, 6);
});

t.test('when the time is over, the key is gone, and its version number with it', async (t) => {
  const { dataKeys, clock, etag, first, store } = await house(t, 5 * DAY);
  await dataKeys.rotate('a', call);
  await t.rejects(dataKeys.delete('a', etag, call), failure('stale-etag'));
  await dataKeys.delete('a', (await dataKeys.describe('a', call)).etag, call);
  await clock.advance(5 * DAY);
  await t.rejects(dataKeys.get({ ...ask, create: 'never' }, call), failure('no-data-key'));
  await t.rejects(dataKeys.get({ ...ask, version: 1 }, call), failure('no-data-key'));
  await t.rejects(dataKeys.describe('a', call), failure('no-data-key'));
  await t.rejects(dataKeys.restore('a', call), failure('no-data-key'));
  await t.rejects(dataKeys.rotate('a', call), failure('no-data-key'));
  t.same(await dataKeys.list('', undefined, 10, call), { items: [] });
  await clock.advance(HOUR);
  const next = await dataKeys.get(ask, call);
  t.match(next, { version: 3, created: true });
  t.not(hex(next), first);
  t.match(await stored(store), { versions: [{ version: 3 }] });
  for (const version of [1, 2]) {
    await t.rejects(dataKeys.get({ ...ask, version }, call), failure('no-version'));
  }
  t.match(await dataKeys.get({ ...ask, version: 3 }, call), { created: false });
});

t.test('purging takes the wrapped keys out, and leaves the last number', async (t) => {
  const { dataKeys, clock, etag, jobs, store } = await house(t);
  await dataKeys.delete('a', etag, call);
  t.match(await jobs.purgeAll({}, call), { done: 1, changed: 0 });
  await clock.advance(30 * DAY + HOUR - 1);
  t.match(await jobs.purgeAll({}, call), { done: 1, changed: 0 }, 'nor as long as it may not be over by another clock');
  await clock.advance(1);
  t.match(await jobs.purgeAll({}, call), { done: 1, changed: 1, failed: 0 });
  t.match(await jobs.purgeAll({}, call), { done: 1, changed: 0, failed: 0 }, 'once');
  const record = await stored(store);
  t.same(record, { id: 'a', lastVersion: 1, purgedAt: clock.now() });
  t.notMatch(Buffer.from((await store.read(recordName('a'), call))?.bytes ?? []).toString(), /wrapped|check/);
  await t.rejects(dataKeys.get({ ...ask, create: 'never' }, call), failure('no-data-key'));
  t.match(await dataKeys.get({ ...ask, create: 'must', length: 16 }, call), { version: 2, created: true });
  t.match(await dataKeys.rotate('a', call), { version: 3 });
});

t.test('nothing new takes the place of a key that another clock may still have restored', async (t) => {
  const { dataKeys, clock, etag, store, kek, first } = await house(t);
  const { purgeAt } = await dataKeys.delete('a', etag, call);
  await clock.advance(30 * DAY - 1);
  for (const ahead of [10 * 60_000, HOUR - 1]) {
    const { dataKeys: early } = await storedHouse(t, { store, kek, clock: new FakeClock(purgeAt.getTime() + ahead) });
    const free = new RegExp(new Date(purgeAt.getTime() + HOUR).toISOString());
    for (const create of ['if-missing', 'must'] as const) {
      await t.rejects(early.get({ ...ask, create }, call), failure('pending-deletion', free));
    }
    await t.rejects(early.get({ ...ask, create: 'never' }, call), failure('no-data-key'));
  }
  await dataKeys.restore('a', call);
  t.equal(hex(await dataKeys.get(ask, call)), first);
});

t.test('of a restoration and a purge at once, by clocks that differ, one takes place', async (t) => {
  for (const restoresFirst of [true, false]) {
    const { dataKeys, clock, etag, store, kek, first } = await house(t);
    const { purgeAt } = await dataKeys.delete('a', etag, call);
    await clock.advance(30 * DAY - 1);
    const jobs = storedDataKeyJobs({ store, kek, clock: new FakeClock(purgeAt.getTime() + HOUR), random });
    const both = [() => dataKeys.restore('a', call), () => jobs.purgeAll({}, call)];
    await Promise.allSettled((restoresFirst ? both : both.toReversed()).map((one) => one()));
    const record = await stored(store);
    if (isTombstone(record)) await t.rejects(dataKeys.restore('a', call), failure('no-data-key'));
    else t.equal(hex(await dataKeys.get(ask, call)), first);
  }
});
