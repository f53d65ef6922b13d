import { Writable } from 'node:stream';
import t from 'tap';
import { LineWriter, MAX_WRITE } from '../../src/audit/line-writer.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** A stream whose writes wait until the test answers them. */
class SlowStream extends Writable {
  readonly written: string[] = [];
  #answer: ((error?: Error) => void) | undefined;

  constructor() {
    super({ decodeStrings: false });
  }

  override _write(text: string, _encoding: string, callback: (error?: Error) => void): void {
    this.written.push(text);
    this.#answer = callback;
  }

  answer(error?: Error): void {
    this.#answer?.(error);
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function open(over: { maxWaiting?: number } = {}) {
  const stream = new SlowStream();
  const clock = new FakeClock();
  return { stream, clock, writer: new LineWriter({ stream, clock, deadline: 5000, maxWaiting: 100_000, ...over }) };
}

t.test('lines of one turn go out in one write, in order', async (t) => {
  const { stream, writer } = open();
  const written = Promise.all([writer.write('a\n'), writer.write('b\n'), writer.write('c\n')]);
  await turn();
  t.same(stream.written, ['a\nb\nc\n']);
  stream.answer();
  await written;
});

t.test('a write resolves when the stream has answered, and not before', async (t) => {
  const { stream, writer } = open();
  let done = false;
  const written = writer.write('a\n').then(() => {
    done = true;
  });
  await turn();
  await turn();
  t.notOk(done);
  stream.answer();
  await written;
  t.ok(done);
});

t.test('no write is longer than a pipe takes in one piece, and each ends at the end of a line', async (t) => {
  const { stream, writer } = open();
  const lines = Array.from({ length: 60 }, (_, n) => `${String(n).repeat(90 + n)}\n`);
  const written = Promise.all(lines.map((line) => writer.write(line)));
  while (stream.written.join('').length < lines.join('').length) {
    await turn();
    t.ok((stream.written.at(-1) as string).length <= MAX_WRITE);
    t.ok(stream.written.at(-1)?.endsWith('\n'));
    stream.answer();
  }
  await turn();
  stream.answer();
  await written;
  t.equal(stream.written.join(''), lines.join(''));
});

t.test('lines that come while one is being written wait for it and then go together', async (t) => {
  const { stream, writer } = open();
  const first = writer.write('a\n');
  await turn();
  const rest = Promise.all([writer.write('b\n'), writer.write('c\n')]);
  await turn();
  t.same(stream.written, ['a\n']);
  stream.answer();
  await first;
  await turn();
  stream.answer();
  await rest;
  t.same(stream.written, ['a\n', 'b\nc\n']);
});

for (const code of ['EPIPE', 'ENOSPC']) {
  t.test(`a stream that fails with ${code} fails the lines that wait and all later ones`, async (t) => {
    const { stream, writer } = open();
    const first = t.rejects(writer.write('a\n'), { code });
    await turn();
    const second = t.rejects(writer.write('b\n'), { code });
    stream.answer(Object.assign(new Error(code), { code }));
    await first;
    await second;
    await t.rejects(writer.write('c\n'), { code });
    t.match(writer.failure, { code });
    t.same(stream.written, ['a\n']);
  });
}

t.test(
  'a reader that stalls is told from a slow one by the deadline, and lines pass again when it goes on',
  async (t) => {
    const { stream, clock, writer } = open();
    const first = t.rejects(writer.write('a\n'), { name: 'KeysteadError', reason: 'audit-unavailable' });
    await turn();
    const waiting = t.rejects(writer.write('b\n'), { name: 'KeysteadError', reason: 'audit-unavailable' });
    await clock.advance(4999);
    t.equal(writer.failure, undefined);
    await clock.advance(1);
    await first;
    await waiting;
    t.match(writer.failure, { name: 'KeysteadError', reason: 'audit-unavailable' });
    await t.rejects(writer.write('c\n'), { name: 'KeysteadError', reason: 'audit-unavailable' });
    stream.answer();
    await turn();
    t.equal(writer.failure, undefined);
    const later = writer.write('d\n');
    await turn();
    stream.answer();
    await later;
    t.same(stream.written, ['a\n', 'd\n']);
  },
);

t.test('the deadline counts from the write, not from the first of many', async (t) => {
  const { stream, clock, writer } = open();
  const first = writer.write('a\n');
  await turn();
  await clock.advance(4000);
  stream.answer();
  await first;
  const second = writer.write('b\n');
  await turn();
  await clock.advance(4000);
  t.equal(writer.failure, undefined, 'the second has had 4 seconds, not 8');
  stream.answer();
  await second;
  await clock.advance(5000);
  t.equal(clock.sleepers, 0, 'nobody watches when nothing is written');
});

t.test('what waits is bounded', async (t) => {
  const { stream, writer } = open({ maxWaiting: 10 });
  const first = writer.write('12345\n');
  await t.rejects(writer.write('12345\n'), { name: 'KeysteadError', reason: 'audit-unavailable' });
  await turn();
  stream.answer();
  await first;
  const again = writer.write('12345\n');
  await turn();
  stream.answer();
  await again;
});

t.test('a line that no pipe takes in one piece is refused', async (t) => {
  const { writer } = open();
  await t.rejects(writer.write(`${'x'.repeat(MAX_WRITE)}\n`), { name: 'KeysteadError', reason: 'audit-unavailable' });
});

t.test('close does not wait for a stream that has stalled', async (t) => {
  const { clock, writer } = open();
  const first = t.rejects(writer.write('a\n'), { name: 'KeysteadError', reason: 'audit-unavailable' });
  await turn();
  await clock.advance(5000);
  await first;
  await writer.close();
  await t.rejects(writer.write('b\n'), { name: 'KeysteadError', reason: 'audit-unavailable' });
});

t.test('close gives a stream that stalls meanwhile no more than the deadline', async (t) => {
  const { clock, writer } = open();
  const first = t.rejects(writer.write('a\n'), { name: 'KeysteadError', reason: 'audit-unavailable' });
  await turn();
  const closing = writer.close();
  await clock.advance(5000);
  await first;
  await closing;
  t.equal(clock.sleepers, 0);
});

t.test('close waits for what was accepted and refuses what comes later', async (t) => {
  const { stream, clock, writer } = open();
  const first = writer.write('a\n');
  let closed = false;
  const closing = writer.close().then(() => {
    closed = true;
  });
  await turn();
  t.notOk(closed);
  stream.answer();
  await first;
  await closing;
  t.equal(clock.sleepers, 0);
  await t.rejects(writer.write('b\n'), { name: 'KeysteadError', reason: 'audit-unavailable' });
});
