import t, { type Test } from 'tap';
import { checkValue } from '../../src/core/derive.ts';
import { Guard } from '../../src/core/guard.ts';
import { type Action, adminsOnly } from '../../src/core/policy.ts';
import type { DataKeyJobs, DataKeys, JobReport } from '../../src/data-keys/data-keys.ts';
import { guardedDataKeyJobs, guardedDataKeys } from '../../src/data-keys/guard.ts';
import { storedDataKeyJobs } from '../../src/data-keys/jobs.ts';
import { failure } from '../support/failure.ts';
import { rememberingAudit, testAmbient, testCall } from '../support/services.ts';
import { storedHouse } from '../support/stored-house.ts';

const call = testCall();
const nobody = testCall({ principal: { kind: 'token', name: 'nobody', groups: [] } });

/** Data keys behind the guard, with one that is there: `a`. */
async function guarded(t: Test) {
  const audit = rememberingAudit();
  const { random, clock } = testAmbient();
  const { dataKeys: inner, kek, store } = await storedHouse(t, { clock });
  await inner.get({ id: 'a', length: 32, create: 'must' }, call);
  const guard = new Guard({ policy: adminsOnly, audit, clock });
  const dataKeys = guardedDataKeys({ inner, guard, creates: true });
  const jobs = guardedDataKeyJobs({ inner: storedDataKeyJobs({ kek, store, random, clock }), guard });
  return { audit, dataKeys, jobs, inner };
}

type Change = readonly [Action, (dataKeys: DataKeys, as: typeof call, id: string) => Promise<unknown>, object];

const CHANGES: readonly Change[] = [
  ['data-key.rotate', (dataKeys, as, id) => dataKeys.rotate(id, as), { version: 2 }],
  ['data-key.rewrap', (dataKeys, as, id) => dataKeys.rewrap(id, as), { rewrapped: 0, kek: 'kms://cluster-kms' }],
  [
    'data-key.delete',
    async (dataKeys, as, id) => dataKeys.delete(id, (await dataKeys.describe('a', call)).etag, as),
    { purgeAt: /^\d{4}-/ },
  ],
  ['data-key.restore', (dataKeys, as, id) => dataKeys.restore(id, as), { version: 2 }],
];

t.test('every change is audited, with the id and what came of it', async (t) => {
  const { dataKeys, audit } = await guarded(t);
  for (const [action, change, details] of CHANGES) {
    await change(dataKeys, call, 'a');
    t.match(audit.events.at(-1), { action, resource: 'a', outcome: 'ok', details });
  }
});

t.test('what fails is audited with its reason', async (t) => {
  const { dataKeys, audit } = await guarded(t);
  for (const [action, change] of CHANGES) {
    await t.rejects(change(dataKeys, call, 'b'), failure('no-data-key'));
    t.match(audit.events.at(-1), { action, resource: 'b', outcome: 'failed', reason: 'no-data-key' });
  }
});

t.test('nobody changes anything without permission', async (t) => {
  const { dataKeys, audit, inner } = await guarded(t);
  const before = await inner.describe('a', call);
  for (const [action, change] of CHANGES) {
    await t.rejects(change(dataKeys, nobody, 'a'), failure('policy'));
    t.match(audit.events.at(-1), { action, resource: 'a', outcome: 'denied' });
  }
  t.same(await inner.describe('a', call), before);
});

t.test('an id that is none reaches neither policy nor store', async (t) => {
  const { dataKeys, audit } = await guarded(t);
  for (const [, change] of CHANGES) await t.rejects(change(dataKeys, call, ''), failure('bad-id'));
  t.notOk(audit.events.some(({ resource }) => resource === ''));
});

const JOBS: readonly (readonly [Action, keyof DataKeyJobs])[] = [
  ['data-key.rewrap', 'rewrapAll'],
  ['data-key.verify', 'verifyAll'],
  ['data-key.delete', 'purgeAll'],
  ['data-key.list', 'census'],
];

t.test('a walk over all data keys is one operation on all of them', async (t) => {
  const { jobs, audit } = await guarded(t);
  for (const [action, job] of JOBS) {
    const report: JobReport = await jobs[job]({}, call);
    t.match(report, { done: 1, failed: 0 });
    t.match(audit.events.at(-1), { action, resource: '*', outcome: 'ok', details: { done: 1, changed: 0, failed: 0 } });
    await t.rejects(jobs[job]({}, nobody), failure('policy'));
    t.match(audit.events.at(-1), { action, resource: '*', outcome: 'denied' });
  }
  t.equal(audit.events.length, 2 * JOBS.length);
});

t.test('a walk that asks for too much at once is refused', async (t) => {
  const { jobs } = await guarded(t);
  for (const concurrency of [0, 65, 1.5]) {
    await t.rejects(jobs.verifyAll({ concurrency }, call), failure('bad-request', /from 1 to 64/));
  }
  for (const limit of [0, 1.5]) await t.rejects(jobs.verifyAll({ limit }, call), failure('bad-request', /limit/));
  t.match(await jobs.verifyAll({ concurrency: 64, limit: 1 }, call), { done: 1 });
});

t.test('a key that is expected is never made', async (t) => {
  const { dataKeys, audit, inner } = await guarded(t);
  const expect = new Uint8Array(16);
  for (const create of ['if-missing', 'never'] as const) {
    const asked = dataKeys.get({ id: 'lost', length: 32, create, expect }, call);
    await t.rejects(asked, failure('no-data-key', /^there is no data key "lost"$/));
    t.match(audit.events.at(-1), { action: 'data-key.get', resource: 'lost', outcome: 'failed' });
  }
  await t.rejects(inner.describe('lost', call), failure('no-data-key'));
  await t.rejects(dataKeys.get({ id: 'a', length: 32, create: 'if-missing', expect }, call), failure('check-mismatch'));
});

t.test('a key that must be new cannot be expected', async (t) => {
  const { dataKeys, inner } = await guarded(t);
  const asked = dataKeys.get({ id: 'new', length: 32, create: 'must', expect: new Uint8Array(16) }, call);
  await t.rejects(asked, failure('check-mismatch', /expect/));
  await t.rejects(inner.describe('new', call), failure('no-data-key'));
});

t.test('a key that is there is handed out to whoever expects it', async (t) => {
  const { dataKeys } = await guarded(t);
  const { key } = await dataKeys.get({ id: 'a', length: 32, create: 'if-missing' }, call);
  const expected = { id: 'a', length: 32, create: 'if-missing', expect: checkValue(key) } as const;
  t.ok((await dataKeys.get(expected, call)).key.equals(key));
});
