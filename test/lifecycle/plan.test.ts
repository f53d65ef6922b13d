import fc from 'fast-check';
import t from 'tap';
import type { KeyState, ManagedKey } from '../../src/core/key-admin.ts';
import type { Declaration, WantedState } from '../../src/lifecycle/declaration.ts';
import { harmfulSteps, type Observed, plan } from '../../src/lifecycle/plan.ts';

const declaration = (over: Partial<Declaration> = {}): Declaration => ({
  id: 'kms_key:one',
  uri: { scheme: 'kms', provider: 'aws', keyName: 'alias/one' },
  name: 'alias/one',
  wanted: undefined,
  spec: {},
  deletionDays: 30,
  keepsOnTermination: false,
  keepsOnUpdate: false,
  parents: [],
  particle: true,
  ...over,
});
const key = (state: KeyState, over: Partial<ManagedKey> = {}): ManagedKey => ({
  id: 'k-1',
  resource: 'arn:k-1',
  named: true,
  state,
  providerState: state,
  description: '',
  tags: {},
  nameTag: 'one',
  ...over,
});
const steps = (
  state: KeyState | undefined,
  wanted: WantedState | undefined,
  {
    earlier = [],
    over = {},
    restore = false,
  }: { earlier?: ManagedKey[]; over?: Partial<Declaration>; restore?: boolean } = {},
) => {
  const observed: Observed = { key: state && key(state), earlier };
  return plan(declaration(over), wanted, observed, { restore, marks: false }).steps;
};

t.test('each state and each wish have their steps', async (t) => {
  const table: [KeyState | undefined, WantedState | undefined, object[]][] = [
    [undefined, 'running', [{ do: 'create', to: 'running' }]],
    [undefined, 'stopped', [{ do: 'create', to: 'stopped' }]],
    [undefined, 'terminated', []],
    [undefined, undefined, []],
    ['running', 'running', []],
    ['running', 'stopped', [{ do: 'disable' }]],
    ['running', 'terminated', [{ do: 'terminate', days: 30 }]],
    ['running', undefined, []],
    ['stopped', 'running', [{ do: 'enable' }]],
    ['stopped', 'stopped', []],
    ['stopped', 'terminated', [{ do: 'terminate', days: 30 }]],
    ['terminated', 'running', [{ do: 'restore', to: 'running' }]],
    ['terminated', 'stopped', [{ do: 'restore', to: 'stopped' }]],
    ['terminated', 'terminated', [{ do: 'terminate' }]],
    ['pending', 'running', [{ do: 'wait' }]],
    ['pending', 'stopped', [{ do: 'wait' }]],
    ['pending', 'terminated', [{ do: 'wait' }]],
  ];
  for (const [state, wanted, expected] of table) {
    const found = steps(state, wanted);
    t.match(found, expected, `${state} → ${wanted}`);
    t.equal(found.length, expected.length);
  }
});

t.test(
  'a new key is made at once where the old one is being deleted, and the plan says what becomes of that',
  async (t) => {
    const gone = key('terminated', { named: false, deletionDate: new Date('2030-02-03T04:05:06Z') });
    const made = plan(declaration(), 'running', { key: undefined, earlier: [gone] }, { restore: false, marks: true });
    t.match(made.steps, [{ do: 'create', to: 'running' }]);
    t.match(made.warnings, [/what arn:k-1 wrapped stays with that key, which is deleted on 2030-02-03; .*--restore/]);
    const newest = key('terminated', { id: 'k-2', named: false });
    t.match(steps(undefined, 'running', { earlier: [gone, newest], restore: true }), [
      { do: 'restore', key: { id: 'k-2' }, to: 'running' },
    ]);
    t.match(steps('running', 'running', { earlier: [gone], restore: true }), [{ do: 'restore', key: { id: 'k-1' } }]);
  },
);

t.test('a key that was left without its name gets it, the oldest first, or goes with it', async (t) => {
  const left = [key('running', { id: 'k-1', named: false }), key('running', { id: 'k-2', named: false })];
  t.match(steps(undefined, 'running', { earlier: left }), [{ do: 'name', key: { id: 'k-1' }, to: 'running' }]);
  t.match(steps(undefined, 'terminated', { earlier: left }), [
    { do: 'terminate', key: { id: 'k-1' } },
    { do: 'terminate', key: { id: 'k-2' } },
  ]);
});

t.test('protections are obeyed', async (t) => {
  t.same(steps('running', 'terminated', { over: { keepsOnTermination: true } }), []);
  t.same(steps('running', 'running', { over: { keepsOnUpdate: true, spec: { description: 'new' } } }), []);
  const made = plan(
    declaration({ keepsOnUpdate: true, spec: { description: 'new' } }),
    'running',
    { key: key('running'), earlier: [] },
    { restore: false, marks: false },
  );
  t.same(made.drift, [{ field: 'description', declared: 'new', found: '' }]);
  t.match(made.warnings, [/protected/]);
});

t.test('drift is shown field by field, and mended in one step', async (t) => {
  const found = key('running', { description: 'old', tags: { a: '1', b: '2' }, policy: '{"x":1}', rotationDays: 0 });
  const spec = { description: 'new', tags: { a: '3', c: '4' }, policy: '{"x":2}', rotationDays: 90 };
  const { drift, steps } = plan(
    declaration({ spec }),
    'running',
    { key: found, earlier: [] },
    { restore: false, marks: false },
  );
  t.same(
    drift.map(({ field }) => field),
    ['description', 'tags.a', 'tags.b', 'tags.c', 'policy', 'rotationDays'],
  );
  t.match(steps, [{ do: 'update', change: spec }]);
  t.equal(steps.length, 1);
});

t.test('an empty declaration is met by whatever the KMS answers', async (t) => {
  const found = key('running', { description: 'of another', tags: { x: 'y' } });
  t.same(plan(declaration(), 'running', { key: found, earlier: [] }, { restore: false, marks: false }).steps, []);
  t.same(
    plan(
      declaration({ spec: { description: '' } }),
      'running',
      { key: key('running'), earlier: [] },
      { restore: false, marks: false },
    ).steps,
    [],
  );
});

t.test('an adopted key gets its mark, and keeps its tags', async (t) => {
  const { nameTag: _, ...found } = key('running', { tags: { team: 'web' } });
  const made = plan(declaration(), 'running', { key: found, earlier: [] }, { restore: false, marks: true });
  t.match(made.steps, [{ do: 'update', change: { tags: { team: 'web' } } }]);
  t.match(made.drift, [{ field: 'tags.keystead:name', declared: 'one' }]);
});

t.test('what cannot be changed is a conflict, but of a particle', async (t) => {
  const found = key('running', { spec: 'RSA_2048', usage: 'ENCRYPT_DECRYPT' });
  const of = (particle: boolean) =>
    plan(
      declaration({ particle, spec: { spec: 'SYMMETRIC_DEFAULT' } }),
      'running',
      { key: found, earlier: [] },
      { restore: false, marks: false },
    );
  t.same(of(false).conflicts, [{ field: 'spec', declared: 'SYMMETRIC_DEFAULT', found: 'RSA_2048' }]);
  t.same(of(true).conflicts, []);
});

t.test('a pending key says what it waits for', async (t) => {
  const of = (providerState: string) =>
    plan(
      declaration(),
      'running',
      { key: key('pending', { providerState }), earlier: [] },
      { restore: false, marks: false },
    );
  t.match(of('PendingImport').warnings, [/import it/]);
  t.match(of('Unavailable').warnings, [/key store/]);
});

t.test('whatever is planned, it does harm only where somebody wants an end, and has one step for a key', async () => {
  const states = fc.constantFrom<KeyState>('running', 'stopped', 'terminated', 'pending');
  const wishes = fc.constantFrom<WantedState>('running', 'stopped', 'terminated');
  fc.assert(
    fc.property(
      fc.option(states, { nil: undefined }),
      fc.array(states),
      wishes,
      fc.boolean(),
      (state, before, wanted, restore) => {
        const earlier = before.map((each, n) => key(each, { id: `e-${n}`, named: false }));
        const made = plan(declaration(), wanted, { key: state && key(state), earlier }, { restore, marks: false });
        const ids = made.steps.flatMap((step) => ('key' in step ? [step.key.id] : []));
        const harmless = wanted !== 'running' || harmfulSteps(made).length === 0;
        return harmless && new Set(ids).size === ids.length;
      },
    ),
  );
});
