import t from 'tap';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { KeyManager } from '../../src/key-manager/key-manager.ts';
import { SecretKeyValue } from '../../src/key-manager/secret-key-value.ts';
import { failure } from '../support/failure.ts';
import { rejection } from '../support/rejection.ts';

/** A manager with one key, whose store gives what the test says. */
function one(settings: Partial<Parameters<KeyManager['defineKey']>[0]> = {}) {
  const store = { value: ['f1', 'b1'] as unknown, reads: 0 };
  const manager = new KeyManager();
  manager.defineKey({
    name: 'K',
    store: async () => {
      store.reads += 1;
      if (store.value instanceof Error) throw store.value;
      return store.value as string;
    },
    useCase: 'ROUND_TRIP',
    ...settings,
  });
  return { manager, store };
}

t.test('a store that fails between a forward and its back costs nothing', async (t) => {
  for (const keepInCache of [true, false]) {
    const { manager, store } = one({ keepInCache });
    t.equal((await manager.getForwardPathKey('K')).text(), 'f1');
    store.value = new Error('down, with secret f1 in its text');
    const error = await rejection(manager.getForwardPathKey('K'));
    t.match(error, { reason: 'get-key', keyName: 'K' });
    t.notMatch(error.message, 'f1');
    t.equal(manager.getLastFlow('K'), 'FORWARD_PATH', 'the failed one did not count');
    t.equal((await manager.getBackPathKey('K')).text(), 'b1');
  }
});

t.test('a definition is made once, unless it is said to replace', async (t) => {
  const { manager } = one();
  await manager.getForwardPathKey('K');
  t.throws(() => manager.defineKey({ name: 'K', store: () => 'x', useCase: 'ROUND_TRIP' }), failure('key-defined'));
  t.equal((await manager.getBackPathKey('K')).text(), 'b1', 'nothing was changed');
  manager.defineKey({ name: 'K', store: () => 'x', useCase: 'ROUND_TRIP', replace: true });
  t.equal(manager.getLastFlow('K'), undefined);
  t.equal((await manager.getBackPathKey('K')).text(), 'x');
});

t.test('what a store must not give is refused when it is asked', async (t) => {
  const { manager, store } = one();
  for (const [value, reasons] of [
    [null, ['get-key', 'bad-key-pair', 'bad-key-value']],
    [5, ['get-key', 'bad-key-pair', 'bad-key-value']],
    [['a'], ['get-key', 'bad-key-pair']],
    [
      ['a', 'b', 'c'],
      ['get-key', 'bad-key-pair'],
    ],
    [
      ['a', 5],
      ['get-key', 'bad-key-pair', 'bad-key-value'],
    ],
    ['\ud800', ['get-key', 'bad-key-pair', 'bad-key-value']],
  ] as const) {
    store.value = value;
    const chain = [];
    let error: unknown = await rejection(manager.getForwardPathKey('K'));
    while (error instanceof Error) {
      chain.push((error as { reason?: string }).reason);
      error = error.cause;
    }
    t.same(chain, reasons, JSON.stringify(value));
  }
  t.match(await rejection(manager.getKey('nobody')), { reason: 'get-key', cause: { reason: 'key-not-defined' } });
  t.match(await rejection(manager.getKey('K', 'SIDEWAYS' as 'DEFAULT')), { cause: { reason: 'bad-flow' } });
});

t.test('everybody gets a value of their own', async (t) => {
  const { manager } = one();
  const first = await manager.getForwardPathKey('K');
  first.dispose();
  const back = await manager.getBackPathKey('K');
  back.dispose();
  t.equal((await manager.getBackPathKey('K')).text(), 'b1');
  manager.dispose();
  t.throws(() => back.text());
});

t.test('what a source gives away is wiped, what a function gives stays its own', async (t) => {
  const manager = new KeyManager();
  const given = SecretBytes.copyOf(Buffer.from('given'));
  const kept = SecretKeyValue.of('kept');
  manager.defineKey({ name: 'given', store: { read: () => given }, useCase: 'ROUND_TRIP' });
  manager.defineKey({ name: 'kept', store: () => kept, useCase: 'ONE_WAY_TRIP' });
  t.equal((await manager.getForwardPathKey('given')).text(), 'given');
  t.ok(given.disposed);
  t.equal((await manager.getKey('kept')).text(), 'kept');
  t.equal(kept.text(), 'kept');
});

t.test('gets of one key are answered in the order of their calls', async (t) => {
  const { manager, store } = one();
  const waiting: (() => void)[] = [];
  const slow = () =>
    new Promise<string>((resolve) => {
      const value = `v${waiting.length}`;
      waiting.push(() => resolve(value));
    });
  manager.defineKey({ name: 'K', store: slow, useCase: 'ROUND_TRIP', replace: true });
  const answers = Promise.all([manager.getKey('K'), manager.getKey('K'), manager.getKey('K')]);
  await new Promise(setImmediate);
  t.equal(waiting.length, 1, 'the second waits for the first');
  waiting[0]?.();
  while (waiting.length < 2) await new Promise(setImmediate);
  waiting[1]?.();
  t.same(
    (await answers).map((value) => value.text()),
    ['v0', 'v0', 'v1'],
    'forward, its back, the next forward',
  );
  t.equal(store.reads, 0);
});

t.test('a lock of others is held during each use', async (t) => {
  const held: string[] = [];
  const manager = new KeyManager({
    lockOf: (name) => async () => {
      held.push(`+${name}`);
      return () => void held.push(`-${name}`);
    },
  });
  const store = () => {
    held.push('read');
    return 'v';
  };
  manager.defineKey({ name: 'K', store, useCase: 'ROUND_TRIP' });
  await Promise.all([manager.getForwardPathKey('K'), manager.getBackPathKey('K')]);
  t.same(held, ['+K', 'read', '-K', '+K', '-K']);
});

t.test('without a repository or a crypto tool nothing is saved', async (t) => {
  const { manager } = one({ stateless: false });
  t.match(await rejection(manager.saveState('K')), { reason: 'no-state-repository', message: /state repository/ });
  const open = new KeyManager({ stateRepository: { readState: () => undefined, writeState() {} } });
  open.defineKey({ name: 'K', store: () => 'v', useCase: 'ROUND_TRIP', stateless: false });
  t.match(await rejection(open.saveStates()), { reason: 'no-state-repository', message: /crypto tool/ });
  t.match(await rejection(open.saveState('L')), { reason: 'key-not-defined' });
});

t.test('a manager bound to one key makes the same calls', async (t) => {
  const { manager } = one();
  const single = manager.getSingleManagement('K');
  t.equal((await single.getEncryptKey()).text(), 'f1');
  t.equal((await single.getDecryptKey()).text(), 'b1');
  t.equal((await single.getForwardPathKey()).text(), 'f1');
  t.equal((await single.getBackPathKey()).text(), 'b1');
  t.equal((await single.getKey()).text(), 'f1');
  t.equal(single.getLastFlow(), 'FORWARD_PATH');
  single.setLastFlow('DECRYPTION');
  t.equal(manager.getLastFlow('K'), 'BACK_PATH');
  let told = 0;
  const off = single.registerOnChange(() => {
    told += 1;
  });
  await single.keyChanged();
  off();
  await single.keyChanged();
  t.equal(told, 1);
  t.match(await rejection(single.saveState()), { reason: 'no-state-repository' });
});

/** A manager whose states are saved in a map. */
function saving(records = new Map<string, unknown>()) {
  const written: string[] = [];
  const manager = new KeyManager({
    stateRepository: {
      readState: (name) => records.get(name),
      writeState(name, record) {
        if (name === 'refused') throw new Error('full');
        written.push(name);
        records.set(name, record);
      },
    },
    cryptoTool: { encrypt: (record) => record, decrypt: (stored) => stored },
  });
  return { manager, records, written };
}

t.test('a saved forward that has lost its key is an error, and no reason to ask the source', async (t) => {
  for (const key of [null, 5, ['a', null]]) {
    const { manager } = saving(new Map([['K', { state: 'FORWARD_PATH', key }]]));
    manager.defineKey({ name: 'K', store: () => 'another key', useCase: 'ROUND_TRIP', stateless: false });
    t.match(await rejection(manager.getKey('K')), {
      reason: 'get-key',
      cause: { reason: 'key-state', cause: { reason: 'bad-key-pair' } },
    });
  }
});

t.test('a one-way key is saved as its source gives it', async (t) => {
  const { manager, records } = saving();
  const store = { value: 'v1' as string | Error | [string, string] };
  const read = () => {
    if (store.value instanceof Error) throw store.value;
    return store.value;
  };
  manager.defineKey({ name: 'K', store: read, useCase: 'ONE_WAY_TRIP', stateless: false });
  await manager.getKey('K', 'FORWARD_PATH');
  manager.registerOnChange('K', (_old, _next, key) => key.setPreviousKeys('never given'));
  await manager.keyChanged('K');
  await manager.saveState('K');
  t.same(records.get('K'), { state: 'FORWARD_PATH', key: 'v1' });
  store.value = new Error('away');
  t.match(await rejection(manager.saveState('K')), { reason: 'get-key', cause: { message: 'away' } });
  store.value = ['f', 'b'];
  t.match(await rejection(manager.saveState('K')), { reason: 'get-key', cause: { reason: 'bad-key-value' } });
  t.same(records.get('K'), { state: 'FORWARD_PATH', key: 'v1' });
});

t.test('one state that cannot be saved does not cost the others', async (t) => {
  const { manager, written } = saving();
  for (const name of ['first', 'refused', 'last', 'none']) {
    manager.defineKey({ name, store: () => name, useCase: 'ROUND_TRIP', stateless: name === 'none' });
    await manager.getForwardPathKey(name);
  }
  t.match(await rejection(manager.saveStates()), { message: 'full' });
  t.same(written, ['first', 'last']);
});

t.test('a pair that is replaced or forgotten while a get ends is the answer of that get all the same', async (t) => {
  const { manager } = one();
  for (const disturb of [() => manager.forgetState('K'), () => manager.dispose()]) {
    for (let turns = 0; turns < 12; turns++) {
      const answer = manager.getForwardPathKey('K');
      for (let turn = 0; turn < turns; turn++) await null;
      disturb();
      t.equal((await answer).text(), 'f1');
    }
  }
});

t.test('a get that ends after the manager was disposed is answered, and leaves nothing behind', async (t) => {
  const wiped = t.capture(SecretBytes.prototype, 'dispose');
  const asked = Promise.withResolvers<string>();
  const manager = new KeyManager();
  manager.defineKey({ name: 'K', store: () => asked.promise, useCase: 'ROUND_TRIP' });
  const get = manager.getForwardPathKey('K');
  manager.dispose();
  asked.resolve('k');
  const key = await get;
  t.equal(key.text(), 'k');
  t.equal(wiped().length, 0);
  key.dispose();
  t.equal(wiped().length, 1, 'it was the last one');
});
