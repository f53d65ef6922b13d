import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { paced } from '../../src/secrets-file/paced.ts';
import { failure } from '../support/failure.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const waits: number[] = [];
const pace = {
  clock: { now: () => new Date(0), sleep: async (ms: number) => void waits.push(ms) },
  random: { bytes: (length: number) => new Uint8Array(length) },
};
const throttled = () => new KeysteadError('provider-throttled', 'slow down');

t.test('results come in order, some at a time', async (t) => {
  let [running, most] = [0, 0];
  const work = async (n: number) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return n * 2;
  };
  t.same(await paced([1, 2, 3, 4, 5], 2, work, pace, call), [2, 4, 6, 8, 10]);
  t.equal(most, 2);
  t.same(await paced([], 2, work, pace, call), []);
});

t.test('who is asked to slow down waits longer each time, and is done in the end', async (t) => {
  waits.length = 0;
  let left = 3;
  const work = async () => {
    if (left-- > 0) throw throttled();
    return 'done';
  };
  t.same(await paced([1], 4, work, pace, call), ['done']);
  t.same(waits, [125, 250, 500]);
});

t.test('after a service that asks to slow down fewer run at a time', async (t) => {
  let [running, most, refused] = [0, 0, false];
  const seen: number[] = [];
  const work = async (n: number) => {
    running++;
    await new Promise((resolve) => setImmediate(resolve));
    if (n === 0 && !refused) {
      refused = true;
      running--;
      throw throttled();
    }
    if (n > 8) most = Math.max(most, running);
    seen.push(n);
    running--;
  };
  await paced(
    Array.from({ length: 30 }, (_, n) => n),
    4,
    work,
    pace,
    call,
  );
  t.equal(seen.length, 30);
  t.ok(most <= 2, `${most} at a time`);
});

t.test('patience ends', async (t) => {
  await t.rejects(
    paced([1], 1, () => Promise.reject(throttled()), pace, call),
    failure('provider-throttled'),
  );
});

t.test('after another failure nothing more begins, and what runs is waited for', async (t) => {
  const begun: number[] = [];
  let ended = false;
  const work = async (n: number) => {
    begun.push(n);
    if (n === 1) throw new KeysteadError('provider-denied', 'no');
    await new Promise((resolve) => setImmediate(resolve));
    ended = true;
  };
  await t.rejects(paced([0, 1, 2, 3], 2, work, pace, call), failure('provider-denied'));
  t.same(begun, [0, 1]);
  t.ok(ended);
});
