import { getEventListeners } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { GENEROUS, type Limits, limiter } from '../../src/core/limiter.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { holds } from '../support/property.ts';
import { testCall } from '../support/services.ts';

const call = testCall();

/** Callers that stay inside until the test lets them out. */
function house(limits: Partial<Limits>) {
  const clock = new FakeClock();
  const pass = limiter('kms://fake', { concurrency: 100, perSecond: 1000, queue: 1000, ...limits }, clock);
  const inside: { name: string; leave(): void; fail(error: Error): void }[] = [];
  const entered: string[] = [];
  const come = (name: string, its = call) =>
    pass({
      operation: 'unwrap',
      call: its,
      work: () =>
        new Promise<string>((resolve, reject) => {
          entered.push(name);
          inside.push({ name, leave: () => resolve(name), fail: reject });
        }),
    });
  return { clock, pass, inside, entered, come };
}

t.test('no more than so many are inside at once, and who comes first goes first', async (t) => {
  const { inside, entered, come } = house({ concurrency: 2 });
  const all = ['a', 'b', 'c', 'd'].map((name) => come(name));
  await turn();
  t.same(entered, ['a', 'b']);
  inside[1]?.leave();
  await turn();
  t.same(entered, ['a', 'b', 'c']);
  inside[0]?.fail(new Error('broken'));
  await t.rejects(all[0] as Promise<string>, /broken/);
  await turn();
  t.same(entered, ['a', 'b', 'c', 'd'], 'one that failed makes room as well');
});

t.test('no more than so many a second go in', async (t) => {
  const { clock, entered, come } = house({ perSecond: 10 });
  for (let n = 0; n < 14; n++) void come(`${n}`);
  await turn();
  t.equal(entered.length, 10, 'a quiet second is saved up');
  await clock.advance(99);
  t.equal(entered.length, 10);
  await clock.advance(1);
  t.equal(entered.length, 11);
  await clock.advance(300);
  t.equal(entered.length, 14);
  t.equal(clock.sleepers, 0);
  await clock.advance(60_000);
  for (let n = 0; n < 20; n++) void come(`${n}`);
  await turn();
  t.equal(entered.length, 24, 'and no more than a second is');
});

t.test('nobody who comes later goes first, also where there is a turn to have', async (t) => {
  const { clock, entered, come } = house({ perSecond: 1 });
  for (const name of ['a', 'b']) void come(name);
  const waking = clock.advance(1000);
  void come('c');
  await waking;
  t.same(entered, ['a', 'b']);
});

t.test('a clock that was set back takes nothing', async (t) => {
  const { clock, entered, come } = house({ perSecond: 10 });
  await clock.advance(-60_000);
  for (let n = 0; n < 10; n++) void come(`${n}`);
  await turn();
  t.equal(entered.length, 10);
});

t.test('who has waited leaves nothing behind on the call', async (t) => {
  const { inside, come } = house({ concurrency: 1 });
  const { signal } = new AbortController();
  const both = [come('a'), come('b', testCall({ signal }))];
  await turn();
  inside[0]?.leave();
  await turn();
  inside[1]?.leave();
  await Promise.all(both);
  t.same(getEventListeners(signal, 'abort'), []);
});

t.test('a rate below one a second lets one go in at a time', async (t) => {
  const { clock, entered, come } = house({ perSecond: 0.5 });
  for (const name of ['a', 'b']) void come(name);
  await turn();
  t.same(entered, ['a']);
  await clock.advance(2000);
  t.same(entered, ['a', 'b']);
});

t.test('where too many wait, the next one hears when to come back', async (t) => {
  const { come, entered } = house({ concurrency: 1, queue: 2, perSecond: 1 });
  const all = ['a', 'b', 'c'].map((name) => come(name));
  await t.rejects(come('d'), { ...failure('upstream-busy', /2 calls wait for kms:\/\/fake/), retryAfter: 2 });
  t.same(entered, ['a']);
  t.equal(all.length, 3);
});

t.test('nobody waits longer than the own call lives, and who leaves the queue leaves no gap', async (t) => {
  const { inside, entered, come } = house({ concurrency: 1, queue: 2 });
  void come('a');
  const gone = new AbortController();
  const leaving = come('b', testCall({ signal: gone.signal }));
  void come('c');
  gone.abort(new KeysteadError('timeout', 'the deadline has passed'));
  await t.rejects(leaving, failure('timeout'));
  void come('d');
  inside[0]?.leave();
  await turn();
  t.same(entered, ['a', 'c']);
  await t.rejects(come('e', testCall({ signal: AbortSignal.abort() })), failure('client-gone'));
});

t.test('when all who wait for their turn have gone, nothing waits any more', async (t) => {
  const { clock, come } = house({ perSecond: 1 });
  void come('a');
  const gone = new AbortController();
  const leaving = come('b', testCall({ signal: gone.signal }));
  await turn();
  t.equal(clock.sleepers, 1);
  gone.abort();
  await t.rejects(leaving, failure('client-gone'));
  t.equal(clock.sleepers, 0);
});

t.test('whoever comes and goes, the limits hold and nobody is forgotten', async (t) => {
  const step = fc.constantFrom('come', 'leave', 'abort', 'wait');
  const limits = fc.record({ concurrency: fc.integer({ min: 1, max: 3 }), perSecond: fc.integer({ min: 1, max: 5 }) });
  await holds(
    t,
    fc.asyncProperty(limits, fc.array(step, { maxLength: 60 }), async (limits, steps) => {
      const { clock, inside, entered, come } = house(limits);
      const settled: Promise<unknown>[] = [];
      const aborts: AbortController[] = [];
      let time = 0;
      for (const one of steps) {
        if (one === 'come') {
          const controller = new AbortController();
          aborts.push(controller);
          settled.push(come('x', testCall({ signal: controller.signal })).catch(() => {}));
        } else if (one === 'leave') inside.shift()?.leave();
        else if (one === 'abort') aborts.shift()?.abort();
        else {
          await clock.advance(500);
          time += 0.5;
        }
        await turn();
        if (inside.length > limits.concurrency) return false;
        if (entered.length > limits.perSecond * (1 + time)) return false;
      }
      for (let n = 0; n < 200; n++) {
        while (inside.length > 0) inside.shift()?.leave();
        await clock.advance(1000);
      }
      await Promise.all(settled);
      return clock.sleepers === 0;
    }),
    { numRuns: 60 },
  );
});

t.test('the limits without a word of the user are far from what a test or a small service needs', async (t) => {
  const { pass } = house(GENEROUS);
  const answers = Array.from({ length: 500 }, (_, n) => pass({ operation: 'read', call, work: async () => n }));
  t.equal((await Promise.all(answers)).length, 500);
});
