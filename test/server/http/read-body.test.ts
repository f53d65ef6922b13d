import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import t from 'tap';
import { readBody } from '../../../src/server/http/read-body.ts';
import { failure } from '../../support/failure.ts';

type Outcome = readonly [error: Error | null, value?: unknown];

/** Reads what the test writes, 10 bytes at most, as text. */
function reading(read: (body: Buffer) => unknown = (body) => body.toString(), headers: Record<string, string> = {}) {
  const stream = new PassThrough();
  const outcomes: Outcome[] = [];
  readBody(Object.assign(stream, { headers }) as unknown as IncomingMessage, 10, read, (...outcome) =>
    outcomes.push(outcome),
  );
  const send = async (...chunks: Buffer[]) => {
    for (const chunk of chunks) stream.write(chunk);
    await new Promise((resolve) => stream.end(resolve).once('close', resolve));
    await new Promise(setImmediate);
  };
  return { stream, outcomes, send };
}

const isWiped = (bytes: Buffer) => bytes.every((byte) => byte === 0);

for (const parts of [['0123456789'], ['01', '234', '', '56789']]) {
  t.test(`a body in ${parts.length} pieces is read whole and leaves nothing behind`, async (t) => {
    let body: Buffer | undefined;
    const { outcomes, send } = reading((given) => {
      body = given;
      return given.toString();
    });
    const chunks = parts.map((part) => Buffer.from(part));
    await send(...chunks);
    t.same(outcomes, [[null, '0123456789']]);
    for (const bytes of [body as Buffer, ...chunks]) t.ok(isWiped(bytes));
  });
}

for (const parts of [['0123456789'], ['01', '234', '56789']]) {
  t.test(
    `a body that is there already, in ${parts.length} pieces, is read at once and leaves nothing behind`,
    async (t) => {
      const stream = new PassThrough();
      const chunks = parts.map((part) => Buffer.from(part));
      for (const chunk of chunks) stream.write(chunk);
      const message = Object.assign(stream, { headers: { 'content-length': '10' } }) as unknown as IncomingMessage;
      const outcomes: Outcome[] = [];
      let body: Buffer | undefined;
      const read = (given: Buffer) => {
        body = given;
        return given.toString();
      };
      readBody(message, 10, read, (...outcome) => outcomes.push(outcome));
      t.same(outcomes, [[null, '0123456789']]);
      for (const bytes of [body as Buffer, ...chunks]) t.ok(isWiped(bytes));
      await new Promise((resolve) => stream.end(resolve).once('close', resolve));
      t.equal(outcomes.length, 1);
    },
  );
}

t.test('a body of which a part is there is waited for', async (t) => {
  const { outcomes, send } = reading(undefined, { 'content-length': '10' });
  t.same(outcomes, []);
  await send(Buffer.from('0123456789'));
  t.same(outcomes, [[null, '0123456789']]);
});

t.test('a body that says it is too long is refused before it comes', async (t) => {
  const { stream, outcomes } = reading(undefined, { 'content-length': '11' });
  t.match(outcomes, [[failure('body-too-large')]]);
  t.equal(stream.listenerCount('data'), 0);
});

t.test('a body that gets too long is refused once, and what came of it is wiped', async (t) => {
  const { outcomes, send } = reading();
  const chunks = [Buffer.from('012345'), Buffer.from('6789ab'), Buffer.from('more')];
  await send(...chunks);
  t.match(outcomes, [[failure('body-too-large')]]);
  t.equal(outcomes.length, 1);
  for (const chunk of chunks) t.ok(isWiped(chunk));
});

t.test('what the reader throws is told, and the body is wiped all the same', async (t) => {
  const flaw = new Error('no');
  const { outcomes, send } = reading(() => {
    throw flaw;
  });
  const chunks = [Buffer.from('01'), Buffer.from('23')];
  await send(...chunks);
  t.same(outcomes, [[flaw, undefined]]);
  for (const chunk of chunks) t.ok(isWiped(chunk));
});

t.test('a connection that breaks is told once, and what came of the body is wiped', async (t) => {
  const { stream, outcomes } = reading();
  const chunk = Buffer.from('0123');
  stream.write(chunk);
  await new Promise(setImmediate);
  const broken = new Error('reset');
  stream.destroy(broken);
  await new Promise(setImmediate);
  t.same(outcomes, [[broken, undefined]]);
  t.ok(isWiped(chunk));
});
