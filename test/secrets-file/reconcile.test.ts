import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import type { ParameterStore, StoreChange } from '../../src/core/parameters.ts';
import { deletion } from '../../src/secrets-file/plan.ts';
import { carryOut } from '../../src/secrets-file/reconcile.ts';
import { failure } from '../support/failure.ts';
import { testCall } from '../support/services.ts';

const call = testCall();

/** A store that takes changes until it has had some, and then asks to slow down for ever. */
function tired(after: number, width: number) {
  const done: string[] = [];
  const store: ParameterStore = {
    uri: 'parameters://tired',
    keeps: new Set(),
    width,
    batch: 10,
    changes: 1,
    place: (path, name) => path + name,
    list: async () => [],
    read: async () => new Map(),
    apply: async (changes: readonly StoreChange[]) => {
      if (done.length >= after) throw new KeysteadError('provider-throttled', 'slow down');
      done.push(...changes.map(({ place }) => place));
      return changes.map(() => undefined);
    },
    close: async () => {},
  };
  return { store, done };
}

t.test('who gives up says what was written until then, and counted no more than that', async (t) => {
  for (const width of [1, 4]) {
    const waits: number[] = [];
    const counted: number[] = [];
    const pace = {
      clock: { now: () => new Date(0), sleep: async (ms: number) => void waits.push(ms) },
      random: { bytes: (length: number) => new Uint8Array(length).fill(waits.length * 20) },
      progress: (done: number) => void counted.push(done),
    };
    const { store, done } = tired(2, width);
    const steps = ['/a/1', '/a/2', '/a/3', '/a/4', '/a/5', '/a/6'].map(deletion);
    const says = /^slow down; already written: \/a\/1, \/a\/2$/;
    await t.rejects(carryOut(steps, { store, pace }, call), failure('provider-throttled', says));
    t.same(done, ['/a/1', '/a/2']);
    t.same(counted, [1, 2]);
    t.ok(Math.max(...waits) >= 30_000 && Math.max(...waits) <= 60_000, 'it waits longer and longer, by chance');
  }
  const { store } = tired(0, 4);
  const pace = { clock: { now: () => new Date(0), sleep: async () => {} }, random: { bytes: () => Uint8Array.of(0) } };
  const none = carryOut(['/a/1', '/a/2'].map(deletion), { store, pace }, call);
  await t.rejects(none, failure('provider-throttled', /; nothing was written$/));
});

t.test('a step that was done is not done again when the next one of its parameter is asked to wait', async (t) => {
  const asked: string[] = [];
  const { store } = tired(Number.POSITIVE_INFINITY, 4);
  const apply: ParameterStore['apply'] = async ([change]) => {
    asked.push(change?.kind ?? '');
    if (asked.length === 2) throw new KeysteadError('provider-throttled', 'slow down');
    return [undefined];
  };
  const tag = { kind: 'tag', place: '/a/1', set: new Map(), remove: ['x'] } as const;
  const steps = [deletion('/a/1'), { action: 'tag', place: '/a/1', differs: [], change: tag } as const];
  const pace = { clock: { now: () => new Date(0), sleep: async () => {} }, random: { bytes: () => Uint8Array.of(0) } };
  await carryOut(steps, { store: { ...store, apply }, pace }, call);
  t.same(asked, ['delete', 'tag', 'tag']);
});
