import t from 'tap';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import { kekCryptoTool } from '../../src/key-manager/kek-crypto-tool.ts';
import { KeyManager } from '../../src/key-manager/key-manager.ts';
import { storeStateRepository } from '../../src/key-manager/store-state-repository.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { FakeKek } from '../support/fake-kek.ts';
import { type FaultPlan, faultyStore } from '../support/faulty-store.ts';
import { rejection } from '../support/rejection.ts';
import { testAmbient, testCall } from '../support/services.ts';

const { random: testRandom } = testAmbient();

const call = () => testCall();

/** One life of an application whose state is in this store. */
function life(store: WrappedKeyStore, value: { now: string }, kek = new FakeKek()) {
  const manager = new KeyManager({
    stateRepository: storeStateRepository({ store, call }),
    cryptoTool: kekCryptoTool({ kek, random: testRandom, call }),
  });
  manager.defineKey({ name: 'a/b ü', store: () => value.now, useCase: 'ROUND_TRIP', stateless: false });
  return manager;
}

const NAME = 'a/b ü';

t.test('a key that sealed before the end of a life opens in the next, whatever the store gives then', async (t) => {
  const store = memoryStore();
  const value = { now: 'first' };
  const before = life(store, value);
  await before.getForwardPathKey(NAME);
  await before.saveStates();
  value.now = 'second';
  const after = life(store, value);
  t.equal((await after.getKey(NAME)).text(), 'first', 'a back, with the saved key');
  t.equal((await after.getKey(NAME)).text(), 'second', 'then a forward, with the new one');
  await after.saveState(NAME);
  t.equal((await life(store, value).getBackPathKey(NAME)).text(), 'second');
  const { items } = await store.list('', undefined, 10, call());
  for (const name of items) {
    const bytes = Buffer.from((await store.read(name, call()))?.bytes ?? []).toString();
    t.notMatch(bytes, /first|second|Zmlyc3|c2Vjb25k/, 'nothing is stored in the clear');
  }
});

t.test('a key that was not used leaves alone what is saved', async (t) => {
  const store = memoryStore();
  const value = { now: 'first' };
  const before = life(store, value);
  await before.getForwardPathKey(NAME);
  await before.saveStates();
  await life(store, value).saveStates();
  value.now = 'second';
  t.equal((await life(store, value).getBackPathKey(NAME)).text(), 'first');
});

t.test('no worker writes over the key of another', async (t) => {
  const store = memoryStore();
  const [one, two] = [{ now: 'one' }, { now: 'two' }];
  const first = life(store, one);
  const second = life(store, two);
  await first.getForwardPathKey(NAME);
  await second.getForwardPathKey(NAME);
  await first.saveState(NAME);
  t.match(await rejection(second.saveState(NAME)), { reason: 'concurrent-write' });
  t.equal((await life(store, one).getBackPathKey(NAME)).text(), 'one');
  t.equal((await second.getBackPathKey(NAME)).text(), 'two', 'and none forgets its own');
  second.forgetState(NAME);
  t.equal((await second.getKey(NAME)).text(), 'one', 'the saved state, read anew');
  await second.getForwardPathKey(NAME);
  await second.saveState(NAME);
  await first.getForwardPathKey(NAME);
  t.match(await rejection(first.saveState(NAME)), { reason: 'concurrent-write' });
  t.equal((await life(store, one).getBackPathKey(NAME)).text(), 'two');
});

t.test('a crash or a fault at any step loses no key that was saved', async (t) => {
  const operations = ['read', 'create', 'replace'] as const;
  for (const operation of operations) {
    for (let n = 1; n <= 4; n++) {
      for (const fault of ['fails', 'loses-answer'] as const) {
        const inner = memoryStore();
        const value = { now: 'first' };
        const before = life(inner, value);
        await before.getForwardPathKey(NAME);
        await before.saveState(NAME);
        const plan: FaultPlan = (asked, count) => (asked === operation && count === n ? fault : undefined);
        value.now = 'second';
        const during = life(faultyStore(inner, plan), value);
        const steps = [() => during.getKey(NAME), () => during.getForwardPathKey(NAME), () => during.saveState(NAME)];
        let sealed = 'first';
        for (const [at, step] of steps.entries()) {
          try {
            await step();
          } catch {
            break; // the process ends here
          }
          if (at === 2) sealed = 'second';
        }
        const saved = (await life(inner, value).getBackPathKey(NAME)).text();
        const allowed = sealed === 'second' ? ['second'] : ['first', 'second'];
        t.ok(allowed.includes(saved), `${operation} ${n} ${fault}: ${saved}`);
      }
    }
  }
});

t.test('a state does not open under another name, nor when it was changed', async (t) => {
  const kek = new FakeKek();
  const tool = kekCryptoTool({ kek, random: testRandom, call });
  const sealed = (await tool.encrypt({ state: 'FORWARD_PATH', key: 'k' }, 'one')) as Uint8Array;
  t.same(await tool.decrypt(sealed, 'one'), { state: 'FORWARD_PATH', key: 'k' });
  t.match(await rejection(Promise.resolve(tool.decrypt(sealed, 'two'))), { reason: 'context-mismatch' });
  t.match(await rejection(Promise.resolve(tool.decrypt('text', 'one'))), { reason: 'record-corrupt' });
  t.match(await rejection(Promise.resolve(tool.decrypt(Buffer.from('{}'), 'one'))), { reason: 'record-corrupt' });
  t.match(await rejection(Promise.resolve(tool.decrypt(Buffer.from('no'), 'one'))), { reason: 'record-corrupt' });
  const future = Buffer.from(Buffer.from(sealed).toString().replace('"keystead":1', '"keystead":2'));
  t.match(await rejection(Promise.resolve(tool.decrypt(future, 'one'))), {
    reason: 'record-corrupt',
    message: /use a newer version/,
  });
});

t.test('what another worker saved while a write was confirmed is not written over afterwards', async (t) => {
  for (const first of ['create', 'replace'] as const) {
    const inner = memoryStore();
    const [one, two] = [{ now: 'one' }, { now: 'two' }];
    if (first === 'replace') {
      const before = life(inner, { now: 'zero' });
      await before.getForwardPathKey(NAME);
      await before.saveState(NAME);
    }
    let between: (() => Promise<void>) | undefined = async () => {
      const other = life(inner, two);
      t.equal((await other.getKey(NAME)).text(), 'one', 'the other takes over what the first saved');
      await other.getForwardPathKey(NAME);
      await other.saveState(NAME);
    };
    let written = false;
    const store: WrappedKeyStore = {
      ...inner,
      async create(...args) {
        written = true;
        return inner.create(...args);
      },
      async replace(...args) {
        written = true;
        return inner.replace(...args);
      },
      async read(...args) {
        const come = written ? between : undefined;
        if (come !== undefined) between = undefined;
        await come?.();
        return inner.read(...args);
      },
    };
    const worker = life(store, one);
    if (first === 'replace') t.equal((await worker.getKey(NAME)).text(), 'zero');
    await worker.getForwardPathKey(NAME);
    t.match(await rejection(worker.saveState(NAME)), { reason: 'concurrent-write' });
    t.match(await rejection(worker.saveState(NAME)), { reason: 'concurrent-write' }, 'it has not seen the other key');
    t.equal((await life(inner, one).getBackPathKey(NAME)).text(), 'two', `after ${first}`);
  }
});

t.test('a write whose answer was lost is known again, and the next one goes on from it', async (t) => {
  for (const [operation, n] of [
    ['create', 1],
    ['replace', 1],
    ['read', 1],
    ['read', 2],
  ] as const) {
    const inner = memoryStore();
    const value = { now: 'first' };
    if (operation === 'replace') {
      const before = life(inner, value);
      await before.getForwardPathKey(NAME);
      await before.saveState(NAME);
    }
    const store = faultyStore(inner, (asked, count) =>
      asked === operation && count === n ? 'loses-answer' : undefined,
    );
    const worker = life(store, value);
    if (operation === 'replace') await worker.getKey(NAME);
    await worker.getForwardPathKey(NAME);
    const saved = async () => {
      try {
        await worker.saveState(NAME);
      } catch {
        await worker.saveState(NAME);
      }
    };
    await saved();
    value.now = 'second';
    await worker.getForwardPathKey(NAME);
    await saved();
    t.equal((await life(inner, value).getBackPathKey(NAME)).text(), 'second', `${operation} ${n}`);
  }
});
