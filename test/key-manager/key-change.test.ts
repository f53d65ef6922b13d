import fc from 'fast-check';
import t from 'tap';
import { KeyManager } from '../../src/key-manager/key-manager.ts';
import { failure } from '../support/failure.ts';
import { rejection } from '../support/rejection.ts';

function manager(
  settings: Partial<Parameters<KeyManager['defineKey']>[0]> = {},
  log?: { error(...args: unknown[]): void },
) {
  const store = { value: ['f1', 'b1'] as [string, string] };
  const made = new KeyManager(log === undefined ? {} : { log });
  made.defineKey({ name: 'K', store: () => store.value, useCase: 'ROUND_TRIP', ...settings });
  return { manager: made, store };
}

t.test('the answer tells what became of each callback, also where the strategy hides a failure', async (t) => {
  for (const [strategy, last] of [
    ['HALT', 'PENDING'],
    ['SKIP', 'SUCCEEDED'],
  ] as const) {
    const logged: unknown[][] = [];
    const { manager: keys } = manager({ onChangeErrorStrategy: strategy }, { error: (...args) => logged.push(args) });
    keys.registerOnChange('K', () => {});
    keys.registerOnChange('K', async () => Promise.reject(new Error('the key is f1')), 'second');
    keys.registerOnChange('K', () => {});
    const reports = await keys.keyChanged('K', 'old', 'new');
    t.match(reports, [
      { name: 'K_callback_1', status: 'SUCCEEDED' },
      { name: 'second', status: 'FAILED', error: { message: 'the key is f1' } },
      { name: 'K_callback_3', status: last },
    ]);
    const why = 'Error, whose text is in the answer of keyChanged';
    t.same(logged, [[{ key: 'K', callback: 'second', why }, 'a callback of the change of a key failed']]);
  }
});

t.test('where the strategy says so, the change fails, with what became of each callback', async (t) => {
  for (const [strategy, last] of [
    ['RAISE_IMMEDIATELY', 'PENDING'],
    ['SKIP_AND_RAISE', 'SUCCEEDED'],
  ] as const) {
    const { manager: keys } = manager({ onChangeErrorStrategy: strategy });
    keys.registerOnChange('K', () => Promise.reject(new Error('no')), 'first');
    keys.registerOnChange('K', () => {}, 'last');
    const error = await rejection(keys.keyChanged('K'));
    t.match(error, {
      reason: 'key-changed',
      keyName: 'K',
      callbacks: [
        { name: 'first', status: 'FAILED' },
        { name: 'last', status: last },
      ],
      cause: { message: 'no' },
    });
  }
  const nobody = await rejection(manager().manager.keyChanged('L'));
  t.match(nobody, { reason: 'key-changed', cause: { reason: 'key-not-defined' } });
});

t.test('a name made up never replaces a callback, a name given does, in its place', async (t) => {
  const { manager: keys } = manager();
  const called: string[] = [];
  const call = (name: string) => () => void called.push(name);
  keys.registerOnChange('K', call('named like a made-up one'), 'K_callback_2');
  keys.registerOnChange('K', call('made up'));
  keys.registerOnChange('K', call('other'), 'other');
  keys.registerOnChange('K', call('replaced'), 'K_callback_2');
  t.same(
    (await keys.keyChanged('K')).map(({ name }) => name),
    ['K_callback_2', 'K_callback_3', 'other'],
  );
  t.same(called, ['replaced', 'made up', 'other']);
  t.throws(() => keys.registerOnChange('L', () => {}), failure('key-not-defined'));
  for (const callback of [undefined, 'text', {}]) {
    t.throws(() => keys.registerOnChange('K', callback as unknown as () => void), failure('bad-request'));
  }
  t.throws(() => keys.registerOnChange('K', () => {}, 5 as unknown as string), failure('bad-request'));
  t.equal((await keys.keyChanged('K')).length, 3);
});

t.test('what the product itself says of a failure is logged; what others say is not', async (t) => {
  const logged: unknown[][] = [];
  const { manager: keys } = manager({ onChangeErrorStrategy: 'SKIP' }, { error: (...args) => logged.push(args) });
  class TokenError extends Error {}
  keys.registerOnChange('K', () => keys.getKey('L'), 'ours');
  keys.registerOnChange('K', () => Promise.reject(new TokenError('token f1')), 'theirs');
  keys.registerOnChange('K', () => Promise.reject('f1'), 'text');
  await keys.keyChanged('K');
  t.match(
    logged.map(([fields]) => fields),
    [
      { callback: 'ours', why: /failed to get key for L: the key L is not defined/ },
      { callback: 'theirs', why: /^TokenError, whose/ },
      { callback: 'text', why: /^string, whose/ },
    ],
  );
  t.notMatch(JSON.stringify(logged), 'f1');
});

t.test('gets that would wait for each other for ever are refused', async (t) => {
  const keys = new KeyManager();
  keys.defineKey({ name: 'self', store: async () => keys.getForwardPathKey('self'), useCase: 'ROUND_TRIP' });
  t.match(await rejection(keys.getForwardPathKey('self')), {
    reason: 'get-key',
    cause: { reason: 'get-key', cause: { reason: 'key-deadlock' } },
  });
  // B comes from A; a change of A seals again what is under B, while somebody else gets B.
  let begun = () => {};
  const going = new Promise<void>((resolve) => {
    begun = resolve;
  });
  let go = () => {};
  const gate = new Promise<void>((resolve) => {
    go = resolve;
  });
  keys.defineKey({ name: 'A', store: () => 'a', useCase: 'ROUND_TRIP' });
  keys.defineKey({
    name: 'B',
    async store() {
      begun();
      await gate;
      return keys.getForwardPathKey('A');
    },
    useCase: 'ROUND_TRIP',
  });
  keys.registerOnChange('A', async () => {
    go();
    await keys.getForwardPathKey('B');
  });
  const other = keys.getForwardPathKey('B').catch((error: unknown) => error);
  await going;
  const [report] = await keys.keyChanged('A');
  const refused = [await other, report?.error].filter((one) => one instanceof Error);
  t.equal(refused.length, 1, 'one of the two gives way, and the other goes on');
  t.equal((await keys.getForwardPathKey('B')).text(), 'a', 'and afterwards all is as before');
  t.equal((await keys.getForwardPathKey('A')).text(), 'a');
});

t.test('a callback that sealed again adopts the new pair, and saves it', async (t) => {
  const saved: unknown[] = [];
  const keys = new KeyManager({
    stateRepository: { readState: () => undefined, writeState: (_name, record) => void saved.push(record) },
    cryptoTool: { encrypt: (record) => record, decrypt: (stored) => stored },
  });
  let value = ['f1', 'b1'] as [string, string];
  keys.defineKey({ name: 'K', store: () => value, useCase: 'ROUND_TRIP', stateless: false });
  await keys.getForwardPathKey('K');
  keys.registerOnChange('K', async (_old, next, key) => {
    t.equal(key.getPreviousKeys()?.back.text(), 'b1');
    t.same([key.isStated(), key.isStateless(), key.isKeepInCache(), key.useCase], [true, false, true, 'ROUND_TRIP']);
    key.adopt(next as [string, string]);
    await keys.saveState('K');
  });
  await keys.keyChanged('K', ['f1', 'b1'], ['f2', 'b2']);
  value = ['f2', 'b2'];
  t.equal((await keys.getKey('K')).text(), 'b2', 'the last flow is forward, and the pair is the new one');
  t.same(saved, [{ state: 'FORWARD_PATH', key: 'b2' }]);
});

t.test('a callback gets its own key without a deadlock, others wait for the end of the change', async (t) => {
  const { manager: keys, store } = manager();
  await keys.getForwardPathKey('K');
  const seen: string[] = [];
  let outside: Promise<void> | undefined;
  keys.registerOnChange('K', async (_old, next, key) => {
    seen.push(`within: ${(await keys.getBackPathKey('K')).text()}`);
    outside = gate.then(async () => void seen.push(`outside: ${(await keys.getBackPathKey('K')).text()}`));
    open();
    await new Promise(setImmediate);
    seen.push('sealed again');
    key.adopt(next as [string, string]);
  });
  let open = () => {};
  // Made outside of the change, so what waits for it is no part of it.
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const other = (async () => {
    await gate;
    return (await keys.getBackPathKey('K')).text();
  })();
  store.value = ['f2', 'b2'];
  await keys.keyChanged('K', ['f1', 'b1'], ['f2', 'b2']);
  t.equal(await other, 'b2');
  await outside;
  t.same(seen.slice(0, 1), ['within: b1']);
});

t.test('changes that touch each other’s keys come one after the other', async (t) => {
  const keys = new KeyManager();
  for (const name of ['A', 'B']) keys.defineKey({ name, store: () => name, useCase: 'ROUND_TRIP' });
  const order: string[] = [];
  for (const [own, other] of [
    ['A', 'B'],
    ['B', 'A'],
  ] as const) {
    keys.registerOnChange(own, async () => {
      order.push(`${own} begins`);
      await keys.getForwardPathKey(other);
      await keys.keyChanged('C').catch(() => {});
      order.push(`${own} ends`);
    });
  }
  await Promise.all([keys.keyChanged('A'), keys.keyChanged('B')]);
  t.same(order, ['A begins', 'A ends', 'B begins', 'B ends']);
});

t.test('in every interleaving of gets and changes, what was sealed opens', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.array(fc.constantFrom('use', 'change'), { maxLength: 8 }), async (s, steps) => {
      let version = 1;
      const pairOf = (n: number): [string, string] => [`key ${n}`, `key ${n}`];
      const keys = new KeyManager();
      keys.defineKey({ name: 'K', store: () => s.schedule(Promise.resolve(pairOf(version))), useCase: 'ROUND_TRIP' });
      /** What is sealed: under which key. */
      let data = (await s.waitFor(keys.getForwardPathKey('K'))).text();
      keys.registerOnChange('K', async (_old, next, key) => {
        await s.schedule(Promise.resolve());
        if (key.getLastFlow() !== 'FORWARD_PATH') return;
        data = (next as [string, string])[0];
        await s.schedule(Promise.resolve());
        key.adopt(next as [string, string]);
      });
      const runs = steps.map(async (step) => {
        if (step === 'use') {
          const sealing = await keys.getForwardPathKey('K');
          data = sealing.text();
          return;
        }
        const next = pairOf(version + 1);
        await keys.keyChanged('K', pairOf(version), next);
        version += 1;
      });
      await s.waitFor(Promise.all(runs));
      const back = await s.waitFor(keys.getBackPathKey('K'));
      // Gets during a change waited, so the last one to seal, a caller or the callback, is the one whose key is kept.
      t.equal(back.text(), data);
    }),
    { numRuns: 60 },
  );
});
