import t from 'tap';
import { LineSpool } from '../../src/audit/line-spool.ts';
import type { LinePlace } from '../../src/audit/place.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A place whose answers wait until the test gives them. */
class SlowPlace implements LinePlace {
  readonly name = 'the place';
  readonly maxBatch: number;
  readonly recovers: boolean;
  readonly taken: string[] = [];
  #answers: { resolve(): void; reject(error: Error): void } | undefined;

  constructor({ maxBatch = 4096, recovers = true }: { maxBatch?: number; recovers?: boolean } = {}) {
    this.maxBatch = maxBatch;
    this.recovers = recovers;
  }

  append(lines: string): Promise<void> {
    this.taken.push(lines);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#answers = { resolve, reject };
    return promise;
  }

  /** Takes what was brought, or fails. */
  async answer(error?: Error): Promise<void> {
    if (error === undefined) this.#answers?.resolve();
    else this.#answers?.reject(error);
    await turn();
  }

  async close(): Promise<void> {}
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const UNAVAILABLE = { name: 'KeysteadError', reason: 'audit-unavailable' };

function open(over: { maxWaiting?: number; place?: SlowPlace } = {}) {
  const { place = new SlowPlace(), maxWaiting = 100_000 } = over;
  const clock = new FakeClock();
  return { place, clock, spool: new LineSpool({ place, clock, deadline: 5000, maxWaiting }) };
}

t.test('lines of one turn go out together, in order', async (t) => {
  const { place, spool } = open();
  const written = Promise.all([spool.write('a\n'), spool.write('b\n'), spool.write('c\n')]);
  await turn();
  t.same(place.taken, ['a\nb\nc\n']);
  await place.answer();
  await written;
});

t.test('a write resolves when the place has the line, and not before', async (t) => {
  const { place, spool } = open();
  let done = false;
  const written = spool.write('a\n').then(() => {
    done = true;
  });
  await turn();
  await turn();
  t.notOk(done);
  await place.answer();
  await written;
  t.ok(done);
});

t.test('no batch is longer than the place takes, and each ends at the end of a line', async (t) => {
  const { place, spool } = open();
  const lines = Array.from({ length: 60 }, (_, n) => `${String(n).repeat(90 + n)}\n`);
  const written = Promise.all(lines.map((line) => spool.write(line)));
  await turn();
  while (place.taken.join('').length < lines.join('').length) {
    t.ok((place.taken.at(-1) as string).length <= 4096);
    t.ok(place.taken.at(-1)?.endsWith('\n'));
    await place.answer();
  }
  await place.answer();
  await written;
  t.equal(place.taken.join(''), lines.join(''));
});

t.test('what fails is told at once, is brought again in the same order, and lines pass when it goes on', async (t) => {
  const { place, clock, spool } = open();
  const first = t.rejects(spool.write('a\n'), { ...UNAVAILABLE, message: /the place takes no line \(ENOSPC\)/ });
  await turn();
  const second = t.rejects(spool.write('b\n'), UNAVAILABLE);
  await place.answer(Object.assign(new Error('full'), { code: 'ENOSPC' }));
  await first;
  await second;
  t.match(spool.refusal(1), UNAVAILABLE, 'nothing new meanwhile');
  await clock.advance(250);
  await turn();
  await place.answer();
  await place.answer();
  t.same(place.taken, ['a\n', 'a\n', 'b\n']);
  t.equal(spool.failure, undefined);
  t.equal(spool.refusal(1), undefined);
});

t.test('a place that does not recover is not asked again', async (t) => {
  const { place, clock, spool } = open({ place: new SlowPlace({ recovers: false }) });
  const first = t.rejects(spool.write('a\n'), UNAVAILABLE);
  await turn();
  await place.answer(Object.assign(new Error('gone'), { code: 'EPIPE' }));
  await first;
  await clock.advance(60_000);
  t.same(place.taken, ['a\n']);
  t.match(spool.failure, UNAVAILABLE);
});

t.test(
  'a place that stalls is told from a slow one by the deadline, and lines pass again when it goes on',
  async (t) => {
    const { place, clock, spool } = open();
    const first = t.rejects(spool.write('a\n'), {
      ...UNAVAILABLE,
      message: /the place has not taken a line for 5000 ms/,
    });
    await turn();
    const waiting = t.rejects(spool.write('b\n'), UNAVAILABLE);
    await clock.advance(4999);
    t.equal(spool.failure, undefined);
    t.equal(spool.lagSeconds(), 4.999);
    await clock.advance(1);
    await first;
    await waiting;
    t.match(spool.refusal(1), UNAVAILABLE);
    await place.answer();
    await place.answer();
    t.equal(spool.failure, undefined);
    t.equal(spool.lagSeconds(), 0);
    t.same(place.taken, ['a\n', 'b\n'], 'what was accepted is written all the same');
  },
);

t.test('a clock that goes back makes nobody wait longer', async (t) => {
  const { place, clock, spool } = open();
  const first = t.rejects(spool.write('a\n'), UNAVAILABLE);
  await turn();
  clock.now = () => new Date(0);
  await clock.advance(5000);
  await first;
  t.equal(spool.lagSeconds(), 0);
  await place.answer();
});

t.test('what waits is bounded', async (t) => {
  const { place, spool } = open({ maxWaiting: 10 });
  const first = spool.write('12345\n');
  t.match(spool.refusal(6), UNAVAILABLE);
  await turn();
  await place.answer();
  await first;
  t.equal(spool.refusal(6), undefined);
});

t.test('close waits for what was accepted and refuses what comes later', async (t) => {
  const { place, clock, spool } = open();
  const first = spool.write('a\n');
  let closed = false;
  const closing = spool.close().then(() => {
    closed = true;
  });
  await turn();
  t.notOk(closed);
  await place.answer();
  await first;
  await closing;
  t.equal(clock.sleepers, 0);
  t.match(spool.refusal(1), UNAVAILABLE);
});

t.test('close does not wait for a place that stalls or fails', async (t) => {
  const { clock, spool } = open();
  const first = t.rejects(spool.write('a\n'), UNAVAILABLE);
  await turn();
  const closing = spool.close();
  await clock.advance(5000);
  await first;
  await closing;
  t.equal(clock.sleepers, 0);
});
