import t from 'tap';
import type { Clock } from '../../src/core/clock.ts';
import { KeysteadError } from '../../src/core/errors.ts';
import type { KeyAdmin, KeySpec } from '../../src/core/key-admin.ts';
import { type ApplyOptions, applyOne } from '../../src/lifecycle/apply.ts';
import type { Declaration, WantedState } from '../../src/lifecycle/declaration.ts';
import { memoryKeyAdmin } from '../../src/providers/memory/key-admin.ts';
import { failure } from '../support/failure.ts';
import { testCall } from '../support/services.ts';

const call = testCall();

/** Each pause is over at once, and has passed. */
function quickClock(): Clock & { waits: number } {
  let now = Date.UTC(2030, 0, 1);
  return {
    waits: 0,
    now: () => new Date(now),
    async sleep(ms) {
      this.waits++;
      now += ms;
    },
  };
}

const declared = (spec: KeySpec = {}): Declaration => ({
  id: 'a',
  uri: { scheme: 'kms', provider: 'aws', keyName: 'alias/a' },
  name: 'a',
  wanted: undefined,
  spec,
  deletionDays: 30,
  keepsOnTermination: false,
  keepsOnUpdate: false,
  parents: [],
  particle: false,
});

function world() {
  const clock = quickClock();
  const admin = memoryKeyAdmin({ clock });
  const options: ApplyOptions = { clock, wait: true, timeoutS: 60, restore: false, marks: true };
  const apply = (wanted: WantedState, over: Partial<ApplyOptions> & { spec?: KeySpec; on?: KeyAdmin } = {}) => {
    const { spec, on = admin, ...more } = over;
    return applyOne(on, declared(spec), wanted, { ...options, ...more }, call);
  };
  return { clock, admin, apply };
}

t.test('every way between the states is gone, and a second run is empty', async (t) => {
  const { apply } = world();
  for (const [wanted, done] of [
    ['terminated', []],
    ['stopped', ['create']],
    ['running', ['enable']],
    ['stopped', ['disable']],
    ['terminated', ['terminate']],
    ['running', ['create']],
    ['terminated', ['terminate']],
  ] as const) {
    t.same((await apply(wanted)).done, done, wanted);
    t.same((await apply(wanted)).done, [], `${wanted} again`);
  }
});

t.test('--restore brings the newest key back rather than make another', async (t) => {
  const { apply, admin } = world();
  const first = await apply('running');
  await apply('terminated');
  const back = await apply('running', { restore: true });
  t.same([back.done, back.key?.id], [['restore'], first.key?.id]);
  t.same(await admin.earlier('a', call), []);
});

t.test('a stopped key is not compared; once it runs it is mended in the same run', async (t) => {
  const { apply } = world();
  await apply('stopped');
  t.same((await apply('stopped', { spec: { description: 'new' } })).done, []);
  const { done, key } = await apply('running', { spec: { description: 'new', tags: { a: 'b' } } });
  t.same(done, ['enable', 'update']);
  t.match(key, { description: 'new', tags: { a: 'b' } });
});

t.test('without waiting, it is one transition', async (t) => {
  const { apply, clock } = world();
  await apply('stopped');
  clock.waits = 0;
  t.same((await apply('terminated', { wait: false })).done, ['terminate']);
  t.equal(clock.waits, 0);
});

t.test('a key that is pending is waited for, and not for ever', async (t) => {
  const { apply, admin, clock } = world();
  await apply('running');
  let polls = 0;
  const slow: KeyAdmin = {
    ...admin,
    async find(name, fields, call) {
      const key = await admin.find(name, fields, call);
      polls++;
      return key && (polls < 4 ? { ...key, state: 'pending', providerState: 'PendingImport' } : key);
    },
  };
  t.same((await apply('running', { on: slow })).done, []);
  t.equal(polls, 4);
  polls = Number.NEGATIVE_INFINITY;
  const before = clock.now().getTime();
  await t.rejects(apply('running', { on: slow, timeoutS: 7 }), failure('state-timeout', /PendingImport.*import it/));
  t.equal(clock.now().getTime() - before, 7000);
});

t.test('a key that the KMS does not show yet is not made twice', async (t) => {
  const { apply, admin } = world();
  let hidden = 4;
  let made = 0;
  const lagging: KeyAdmin = {
    ...admin,
    find: async (...given) => (made > 0 && hidden-- > 0 ? undefined : admin.find(...given)),
    create: (...given) => {
      made++;
      return admin.create(...given);
    },
  };
  t.same((await apply('running', { on: lagging })).done, ['create']);
  t.equal(made, 1);
});

t.test('what the KMS cannot do now is tried again; what it refuses is not', async (t) => {
  const { apply, admin } = world();
  const failing = (times: number, reason: 'provider-throttled' | 'provider-denied'): KeyAdmin => {
    let left = times;
    const fail = <T>(work: () => Promise<T>) => {
      if (left-- > 0) throw new KeysteadError(reason, 'no');
      return work();
    };
    return {
      ...admin,
      find: async (...given) => fail(() => admin.find(...given)),
      create: async (...given) => fail(() => admin.create(...given)),
    };
  };
  t.same((await apply('running', { on: failing(3, 'provider-throttled') })).done, ['create']);
  await t.rejects(apply('stopped', { on: failing(1, 'provider-denied') }), failure('provider-denied'));
  await t.rejects(
    apply('stopped', { on: failing(1000, 'provider-throttled'), timeoutS: 5 }),
    failure('state-timeout', /no$/),
  );
  await t.rejects(
    apply('stopped', { on: failing(1, 'provider-throttled'), wait: false }),
    failure('provider-throttled'),
  );
});

t.test('somebody who changes it meanwhile does not win', async (t) => {
  const { apply, admin, clock } = world();
  await apply('running');
  const { sleep } = clock;
  let once = true;
  clock.sleep = async function (ms, signal) {
    const key = await admin.find('a', [], call);
    if (once && key !== undefined) await admin.update('a', key, { enabled: true }, call);
    once = false;
    return sleep.call(this, ms, signal);
  };
  const { done, key } = await apply('stopped');
  t.same([done, key?.state], [['disable', 'disable'], 'stopped']);
});

t.test('what differs and cannot be changed is refused before anything is done', async (t) => {
  const { apply, admin } = world();
  await apply('running', { spec: { spec: 'RSA_2048', description: 'old' } });
  const spec = { spec: 'RSA_4096', description: 'new' };
  await t.rejects(apply('running', { spec }), failure('key-differs', /spec is RSA_2048, declared is RSA_4096/));
  t.match(await admin.find('a', [], call), { description: 'old' });
});

t.test('nothing is done without consent', async (t) => {
  const { apply, admin } = world();
  await apply('running');
  const consent = async () => {
    throw new KeysteadError('needs-confirmation', 'ask');
  };
  await t.rejects(apply('terminated', { consent }), failure('needs-confirmation'));
  t.match(await admin.find('a', [], call), { state: 'running' });
});

t.test('of several that apply at once one makes the key', async (t) => {
  const { apply, admin } = world();
  const all = await Promise.all(Array.from({ length: 8 }, () => apply('running')));
  t.equal(new Set(all.map(({ key }) => key?.id)).size, 1);
  t.same(await admin.earlier(undefined, call), []);
});
