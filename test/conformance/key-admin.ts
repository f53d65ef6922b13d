import type { Test } from 'tap';
import type { KeyAdmin, KeyChange, KeySpec, ManagedKey } from '../../src/core/key-admin.ts';
import { failure } from '../support/failure.ts';
import { testCall } from '../support/services.ts';

const call = testCall();

/** What the suite is to know of a provider: where they differ, the contract leaves it to them. */
export interface Provider {
  /** A name that a key may have. */
  name(): string;
  /** What a spec may hold, and what it is changed to: only what the provider has. */
  readonly made: KeySpec;
  readonly changed: KeyChange;
  /** What is refused with `not-supported` before any call; undefined where everything is had. */
  readonly refused?: KeySpec;
  /** False where the name of a terminated key stays taken until the key is gone. */
  readonly freesNames: boolean;
  /** Days that a terminated key can be restored. */
  readonly days: number;
}

const FIELDS = ['tags', 'policy', 'rotation'] as const;

/**
 * Every promise of the KeyAdmin contract, for any provider.
 *
 * @param open gives two doors to one place, which it closes with the test.
 */
export function keyAdminSuite(t: Test, provider: Provider, open: (t: Test) => Promise<[KeyAdmin, KeyAdmin]>): void {
  const made = async (t: Test, spec: KeySpec = {}) => {
    const [admin, other] = await open(t);
    const name = provider.name();
    return { admin, other, name, key: await admin.create(name, spec, call) };
  };
  const found = async (admin: KeyAdmin, name: string): Promise<ManagedKey> => {
    const key = await admin.find(name, FIELDS, call);
    if (key === undefined) throw new Error(`${name} is not there`);
    return key;
  };

  t.test('nothing is found under a name that is free', async (t) => {
    const [admin] = await open(t);
    t.equal(await admin.find(provider.name(), FIELDS, call), undefined);
    t.same(await admin.earlier(provider.name(), call), []);
  });

  t.test('a key that was made is found by its name, with what was asked for', async (t) => {
    const { admin, other, name, key } = await made(t, provider.made);
    t.match(key, { named: true, state: 'running' });
    const seen = await found(other, name);
    t.match(seen, { id: key.id, resource: key.resource, named: true, state: 'running' });
    const { deletionDays: _, ...kept } = provider.made;
    t.match(seen, kept);
    t.same(await admin.earlier(name, call), [], 'nothing else was made');
  });

  t.test('only what is asked for is read', async (t) => {
    const { admin, name } = await made(t, provider.made);
    const bare = await admin.find(name, [], call);
    t.equal(bare?.policy, undefined);
  });

  t.test('whoever creates a name that is taken gets the key that is there', async (t) => {
    const { other, name, key } = await made(t);
    t.equal((await other.create(name, provider.made, call)).id, key.id);
    t.equal((await found(other, name)).id, key.id);
  });

  t.test('callers that race for a name all get one key, and no other stays usable', async (t) => {
    const [admin, other] = await open(t);
    const name = provider.name();
    const doors = [admin, other, admin, other];
    const keys = await Promise.all(doors.map((door) => door.create(name, provider.made, call)));
    const { id } = await found(admin, name);
    t.same(new Set(keys.map((key) => key.id)), new Set([id]));
    const usable = (await admin.earlier(name, call)).filter(({ state }) => state !== 'terminated');
    t.same(usable, []);
  });

  t.test('a key is changed, and what was not named stays', async (t) => {
    const { admin, name } = await made(t, provider.made);
    await admin.update(name, await found(admin, name), provider.changed, call);
    const { bypassPolicyLockoutSafetyCheck: _, ...seen } = provider.changed;
    t.match(await found(admin, name), seen);
    t.same((await found(admin, name)).tags, provider.changed.tags, 'no tag but those');
    await admin.update(name, await found(admin, name), { rotationDays: 0 }, call);
    const after = await found(admin, name);
    t.same([after.rotationDays, after.tags], [0, provider.changed.tags]);
  });

  t.test('a key is stopped and runs again; the same again is no error', async (t) => {
    const { admin, name, key } = await made(t);
    for (const [enabled, state] of [
      [false, 'stopped'],
      [false, 'stopped'],
      [true, 'running'],
      [true, 'running'],
    ] as const) {
      await admin.update(name, await found(admin, name), { enabled }, call);
      t.match(await found(admin, name), { id: key.id, state });
    }
  });

  t.test('a terminated key is gone from its name, is listed with its day, and comes back', async (t) => {
    const { admin, name, key } = await made(t, { tags: { team: 'web' } });
    await admin.terminate(name, await found(admin, name), provider.days, call);
    t.equal(await admin.find(name, FIELDS, call), undefined);
    const [gone, ...more] = await admin.earlier(name, call);
    t.same(more, []);
    t.match(gone, { state: 'terminated', named: false, tags: { team: 'web' } });
    const days = ((gone?.deletionDate?.getTime() ?? 0) - Date.now()) / 86_400_000;
    t.ok(Math.abs(days - provider.days) < 1.1, `${days} days`);
    t.ok(
      (await admin.earlier(undefined, call)).some(({ id }) => id === gone?.id),
      'also where no name is given',
    );
    await admin.restore(name, gone as ManagedKey, 'running', call);
    t.match(await found(admin, name), { id: key.id, resource: key.resource, state: 'running', tags: { team: 'web' } });
    t.same(await admin.earlier(name, call), []);
  });

  t.test('a termination is taken back into the stopped state too', async (t) => {
    const { admin, name, key } = await made(t);
    await admin.update(name, await found(admin, name), { enabled: false }, call);
    await admin.terminate(name, await found(admin, name), provider.days, call);
    const [gone] = await admin.earlier(name, call);
    await admin.restore(name, gone as ManagedKey, 'stopped', call);
    t.match(await found(admin, name), { id: key.id, state: 'stopped' });
  });

  t.test('a termination that has begun is finished by another one', async (t) => {
    const { admin, other, name } = await made(t);
    const key = await found(admin, name);
    await admin.terminate(name, key, provider.days, call);
    await other.terminate(name, key, provider.days, call);
    t.equal(await admin.find(name, FIELDS, call), undefined);
  });

  if (provider.freesNames) {
    t.test('a name that was freed is given to a new key, and the old one can still come back', async (t) => {
      const { admin, name } = await made(t);
      const old = await found(admin, name);
      await admin.terminate(name, old, provider.days, call);
      await admin.create(name, {}, call);
      t.match(await found(admin, name), { state: 'running', named: true });
      const [gone] = await admin.earlier(name, call);
      t.equal(gone?.state, 'terminated');
      const holder = await found(admin, name);
      await admin.restore(name, gone as ManagedKey, 'running', call);
      t.same((await found(admin, name)).resource, holder.resource, 'the name stays where it is');
      const strays = await admin.earlier(name, call);
      t.same(
        strays.filter(({ state }) => state === 'terminated'),
        [],
      );
    });
  } else {
    t.test('a name that is not freed says so', async (t) => {
      const { admin, name } = await made(t);
      await admin.terminate(name, await found(admin, name), provider.days, call);
      await t.rejects(admin.create(name, {}, call), failure('not-supported', /restore/));
    });
  }

  const { refused } = provider;
  if (refused !== undefined) {
    t.test('what the provider does not have it refuses, and makes nothing', async (t) => {
      const [admin] = await open(t);
      for (const [field, value] of Object.entries(refused)) {
        const name = provider.name();
        await t.rejects(admin.create(name, { [field]: value }, call), failure('not-supported'), field);
        t.equal(await admin.find(name, [], call), undefined, field);
      }
    });
  }

  t.test('a call that is over does nothing', async (t) => {
    const [admin] = await open(t);
    const name = provider.name();
    const over = testCall({ signal: AbortSignal.abort() });
    await t.rejects(admin.create(name, {}, over), failure('client-gone'));
    t.equal(await admin.find(name, [], call), undefined);
  });
}
