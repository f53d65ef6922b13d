import t, { type Test } from 'tap';
import type { KeyAdmin } from '../../src/core/key-admin.ts';
import { type ApplyOptions, applyOne } from '../../src/lifecycle/apply.ts';
import type { Declaration, WantedState } from '../../src/lifecycle/declaration.ts';
import { motoQuery, secrets } from '../providers/aws/aws.ts';
import { emulators } from '../support/emulators.ts';
import { faultProxy } from '../support/fault-proxy.ts';
import { openedKeyAdmin, unique, uriText } from '../support/opened-doors.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
/** One for each way, and of this file alone: what looks for keys that were left behind walks over all without a name. */
const REGIONS = ['eu-south-2', 'eu-central-2', 'me-south-1', 'ap-east-1', 'ca-west-1'] as const;
const clock = { now: () => new Date(), sleep: async () => {} };
const options: ApplyOptions = { clock, wait: true, timeoutS: 60, restore: false, marks: true };

const declared = (name: string): Declaration => ({
  id: name,
  uri: { scheme: 'kms', provider: 'aws', keyName: name },
  name,
  wanted: undefined,
  spec: { description: 'new', tags: { a: 'b' }, rotationDays: 90 },
  deletionDays: 7,
  keepsOnTermination: false,
  keepsOnUpdate: false,
  parents: [],
  particle: false,
});

/** One place, where applies are killed. */
async function place(t: Test, env: Record<string, string>, region: (typeof REGIONS)[number]) {
  const query = { ...motoQuery(env), region, keyName: 'alias/any' };
  const whole = await openedKeyAdmin(t, uriText('kms://aws', query), { secrets });

  /** A door behind which everything ends with the `n`-th call: that one arrives or not, and no other does. */
  const dying = async (t: Test, n: number, arrives: boolean) => {
    let calls = 0;
    const proxy = await faultProxy(
      t,
      env['AWS_ENDPOINT_URL'] ?? '',
      () => {
        const at = calls++;
        if (at < n) return undefined;
        return at === n && arrives ? 'reset-after' : 'reset';
      },
      env,
    );
    const admin = await openedKeyAdmin(t, uriText('kms://aws', { ...query, endpoint: proxy.url }), { secrets });
    return { admin, calls: () => calls };
  };

  /** Kills one apply at each of its calls in turn, and has another one finish. */
  const killedEverywhere = async (
    t: Test,
    wanted: WantedState,
    over: Partial<ApplyOptions>,
    before: (name: string) => Promise<string | undefined>,
    after: (t: Test, name: string, at: string, given: string | undefined) => Promise<void>,
  ) => {
    const once = async (n: number, arrives: boolean) => {
      const name = `alias/${unique('key')}`;
      const given = await before(name);
      const { admin, calls } = await dying(t, n, arrives);
      const end = await applyOne(admin, declared(name), wanted, { ...options, ...over, wait: false }, call).then(
        () => 'done',
        () => 'killed',
      );
      await applyOne(whole, declared(name), wanted, { ...options, ...over }, call);
      await after(t, name, `call ${n}${arrives ? ', which arrived' : ''}: ${end}`, given);
      return end === 'done' && calls() <= n;
    };
    for (let n = 0, last = false; !last; n++)
      last = (await Promise.all([once(n, false), once(n, true)])).includes(true);
  };
  const usable = async (admin: KeyAdmin, name: string) =>
    (await admin.earlier(name, call)).filter(({ state }) => state !== 'terminated');
  const running = async (name: string) => {
    const { key } = await applyOne(whole, declared(name), 'running', options, call);
    return key?.id;
  };
  return { query, whole, killedEverywhere, usable, running };
}

const nothing = async () => undefined;

t.test('an apply that is cut short at any call is completed by the next one', { timeout: 390_000 }, async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;

  t.test('making a key: no second key, and none without its name', async (t) => {
    const { whole, killedEverywhere } = await place(t, env, REGIONS[0]);
    await killedEverywhere(t, 'running', {}, nothing, async (t, name, at) => {
      const key = await whole.find(name, ['tags', 'rotation'], call);
      t.match(key, { state: 'running', description: 'new', tags: { a: 'b' }, rotationDays: 90 }, at);
      t.same(await whole.earlier(name, call), [], at);
    });
  });

  t.test('terminating: the key is being deleted, and its name is free', async (t) => {
    const { whole, killedEverywhere, running } = await place(t, env, REGIONS[1]);
    await killedEverywhere(t, 'terminated', {}, running, async (t, name, at) => {
      t.equal(await whole.find(name, [], call), undefined, at);
      t.match(await whole.earlier(name, call), [{ state: 'terminated' }], at);
    });
  });

  t.test('restoring: the same key, under its name', async (t) => {
    const { whole, killedEverywhere, running, usable } = await place(t, env, REGIONS[2]);
    const terminated = async (name: string) => {
      const id = await running(name);
      await applyOne(whole, declared(name), 'terminated', options, call);
      return id;
    };
    await killedEverywhere(t, 'running', { restore: true }, terminated, async (t, name, at, id) => {
      t.match(await whole.find(name, [], call), { id, state: 'running' }, at);
      t.same(await usable(whole, name), [], at);
    });
  });

  t.test('changing: all that differs is mended', async (t) => {
    const { whole, killedEverywhere } = await place(t, env, REGIONS[3]);
    const other = async (name: string) => {
      const spec = { description: 'old', tags: { x: 'y' }, rotationDays: 180 };
      return (await whole.create(name, spec, call)).id;
    };
    await killedEverywhere(t, 'running', {}, other, async (t, name, at) => {
      const key = await whole.find(name, ['tags', 'rotation'], call);
      t.same([key?.description, key?.tags, key?.rotationDays], ['new', { a: 'b' }, 90], at);
    });
  });

  t.test('several that apply at once make one key that can be used', async (t) => {
    const { query, whole, usable } = await place(t, env, REGIONS[4]);
    for (let round = 0; round < 3; round++) {
      const name = `alias/${unique('key')}`;
      const all = await Promise.all(
        [0, 1, 2, 3].map(async () => {
          const admin = await openedKeyAdmin(t, uriText('kms://aws', query), { secrets });
          return applyOne(admin, declared(name), 'running', options, call);
        }),
      );
      t.equal(new Set(all.map(({ key }) => key?.id)).size, 1);
      t.same(await usable(whole, name), []);
    }
  });
});
