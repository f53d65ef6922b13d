import t from 'tap';
import type { ErrorStrategy } from '../../src/key-manager/key-definition.ts';
import { KeyManager } from '../../src/key-manager/key-manager.ts';
import type { KeyPairInput } from '../../src/key-manager/key-pair.ts';
import type { KeySource } from '../../src/key-manager/key-source.ts';
import { scheduledRotation } from '../../src/key-manager/scheduled-rotation.ts';
import type { SecretKeyValue } from '../../src/key-manager/secret-key-value.ts';
import { watchKey } from '../../src/key-manager/watch-key.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { rejection } from '../support/rejection.ts';

type Told = Parameters<NonNullable<KeySource['watch']>>[0];

/** A source that tells of changes when the test says so. */
function source() {
  const made: KeySource & { value: unknown; told: Told | undefined; closed: boolean } = {
    value: 'v1',
    told: undefined,
    closed: false,
    read() {
      if (made.value instanceof Error) throw made.value;
      return made.value as KeyPairInput;
    },
    watch(told) {
      made.told = told;
      return {
        async close() {
          made.closed = true;
        },
      };
    },
  };
  return made;
}

/** Lets so many rotations come to their time and to their end. */
async function turns(clock: FakeClock, count: number): Promise<void> {
  const sleeps = async () => {
    while (clock.sleepers === 0) await new Promise(setImmediate);
  };
  for (let n = 0; n < count; n++) {
    await sleeps();
    await clock.advance(1000);
  }
  await sleeps();
}

function watched(store: KeySource, onChangeErrorStrategy: ErrorStrategy = 'RAISE_IMMEDIATELY') {
  const manager = new KeyManager();
  manager.defineKey({ name: 'K', store, useCase: 'ROUND_TRIP', onChangeErrorStrategy });
  const changes: string[][] = [];
  manager.registerOnChange('K', (old, next) => {
    const text = (keys: unknown) => (keys as [SecretKeyValue])[0].text();
    changes.push([text(old), text(next)]);
  });
  return { manager, changes };
}

/** Three rotations at their times. @param rotate in which turn, from 2 on. */
async function rotatedThrice(rotate: (turn: number, store: ReturnType<typeof source>) => void) {
  const store = source();
  const { manager, changes } = watched(store);
  const clock = new FakeClock();
  const failed: unknown[] = [];
  let turn = 1;
  const rotation = scheduledRotation({
    manager,
    name: 'K',
    every: 1000,
    clock,
    async rotate() {
      turn += 1;
      rotate(turn, store);
    },
    failed: (error) => failed.push(error),
  });
  await turns(clock, 3);
  await rotation.close();
  return { manager, changes, failed };
}

t.test('a source that says so raises the change by itself, with the keys of before and of now', async (t) => {
  const store = source();
  const { manager, changes } = watched(store);
  const failed: unknown[] = [];
  const watch = await watchKey(manager, 'K', { failed: (error) => failed.push(error) });
  store.value = 'v2';
  store.told?.changed();
  store.told?.changed();
  await new Promise(setImmediate);
  store.value = new Error('away');
  store.told?.changed();
  await new Promise(setImmediate);
  t.same(failed, [new Error('away')]);
  store.told?.changed();
  store.value = 'v3';
  await watch.close();
  t.same(changes, [
    ['v1', 'v2'],
    ['v2', 'v3'],
  ]);
  t.ok(store.closed);
});

t.test('a change whose callbacks fail is told, and the next one comes', async (t) => {
  const store = source();
  const { manager } = watched(store);
  manager.registerOnChange('K', () => Promise.reject(new Error('no')));
  const failed: unknown[] = [];
  const watch = await watchKey(manager, 'K', { failed: (error) => failed.push(error) });
  for (const value of ['v2', 'v3']) {
    store.value = value;
    store.told?.changed();
    await new Promise(setImmediate);
  }
  await watch.close();
  t.match(failed, [{ reason: 'key-changed' }, { reason: 'key-changed' }]);
});

t.test('a callback may close the watch that tells it', async (t) => {
  const store = source();
  const { manager, changes } = watched(store);
  const watch = await watchKey(manager, 'K', { failed: (error) => t.fail(String(error)) });
  const closed = Promise.withResolvers<void>();
  manager.registerOnChange('K', async () => {
    await watch.close();
    closed.resolve();
  });
  store.value = 'v2';
  store.told?.changed();
  await closed.promise;
  await watch.close();
  t.same(changes, [['v1', 'v2']]);
  t.ok(store.closed);
});

t.test('a source that cannot be watched is refused', async (t) => {
  const manager = new KeyManager();
  manager.defineKey({ name: 'K', store: () => 'v', useCase: 'ROUND_TRIP' });
  t.match(await rejection(watchKey(manager, 'K', { failed() {} })), { reason: 'not-supported' });
  t.match(await rejection(watchKey(manager, 'L', { failed() {} })), { reason: 'key-not-defined' });
});

t.test('a key is rotated at its times, and a rotation that fails does not end them', async (t) => {
  const { manager, changes, failed } = await rotatedThrice((turn, store) => {
    if (turn === 3) throw new Error('not now');
    store.value = `v${turn}`;
  });
  t.same(changes, [
    ['v1', 'v2'],
    ['v2', 'v4'],
  ]);
  t.same(failed, [new Error('not now')]);
  for (const every of [0, -1, 1.5, Number.NaN, 2 ** 31]) {
    t.throws(
      () =>
        scheduledRotation({ manager, name: 'K', every, clock: new FakeClock(), rotate: async () => {}, failed() {} }),
      failure('bad-request'),
    );
  }
});

t.test('a failure that the strategy of the key hides is told all the same', async (t) => {
  for (const strategy of ['HALT', 'SKIP'] as const) {
    const store = source();
    const { manager } = watched(store, strategy);
    manager.registerOnChange('K', () => Promise.reject(new Error('no')), 'seals again');
    const failed: unknown[] = [];
    const watch = await watchKey(manager, 'K', { failed: (error) => failed.push(error) });
    store.value = 'v2';
    store.told?.changed();
    await watch.close();
    const clock = new FakeClock();
    const rotation = scheduledRotation({
      manager,
      name: 'K',
      every: 1000,
      clock,
      async rotate() {
        store.value = 'v3';
      },
      failed: (error) => failed.push(error),
    });
    await turns(clock, 1);
    await rotation.close();
    const told = { reason: 'key-changed', callbacks: [{ status: 'SUCCEEDED' }, { name: 'seals again' }] };
    t.match(failed, [told, told], strategy);
  }
});

t.test('a rotation that was made, and could not be seen, is told with the next', async (t) => {
  const { changes, failed } = await rotatedThrice((turn, store) => {
    store.value = turn === 2 ? new Error('away') : `v${turn}`;
    if (turn === 3) throw new Error('the answer was lost');
  });
  t.same(failed, [new Error('away'), new Error('the answer was lost')]);
  t.same(changes, [['v1', 'v4']], 'with the key that was told last');
});
