import { deserialize, serialize } from 'node:v8';
import t from 'tap';
import { KeysteadError } from '../../../src/core/errors.ts';
import { type Handlers, Rpc } from '../../../src/server/workers/rpc.ts';

/** Two ends of one channel, with what goes over it made plain as node:cluster does. */
function pair(left: Handlers, right: Handlers, report: (error: unknown) => void = () => {}) {
  const a: Rpc = new Rpc((message) => setImmediate(() => b.receive(deserialize(serialize(message)))), left, report);
  const b: Rpc = new Rpc((message) => setImmediate(() => a.receive(deserialize(serialize(message)))), right, report);
  return { a, b };
}

t.test('either side calls the other, and answers find their calls', async (t) => {
  const echo = { echo: async (body: unknown) => body };
  const { a, b } = pair(echo, echo);
  t.same(await Promise.all([a.call('echo', 1), b.call('echo', { bytes: new Uint8Array([1, 2]) }), a.call('echo')]), [
    1,
    { bytes: new Uint8Array([1, 2]) },
    undefined,
  ]);
});

t.test('an error arrives with its reason; what is not expected is reported where it happened', async (t) => {
  const reported: unknown[] = [];
  const handlers = {
    known: async () => {
      throw new KeysteadError('kek-exists', 'another');
    },
    unknown: async () => {
      throw new Error('its text stays here');
    },
  };
  const { a } = pair({}, handlers, (error) => reported.push(error));
  await t.rejects(a.call('known'), { name: 'KeysteadError', reason: 'kek-exists', message: 'another' });
  await t.rejects(a.call('unknown'), { reason: 'unexpected', message: /^(?!.*stays here)/ });
  t.match(reported, [{ cause: { message: 'its text stays here' } }]);
  await t.rejects(a.call('nobody-has-this'), { name: 'KeysteadError', reason: 'unexpected' });
});

t.test('when the other side is gone, nobody waits for ever', async (t) => {
  const a = new Rpc(
    () => {},
    {},
    () => {},
  );
  const waiting = t.rejects(a.call('x'), { name: 'KeysteadError', reason: 'closing' });
  a.break();
  await waiting;
  await t.rejects(a.call('y'), { name: 'KeysteadError', reason: 'closing' });
  const closed = new Rpc(
    () => {
      throw new KeysteadError('closing', 'the channel is closed');
    },
    {},
    () => {},
  );
  await t.rejects(closed.call('z'), { name: 'KeysteadError', reason: 'closing' });
});

t.test('a socket goes with its call; where it is lost on the way, the call comes all the same', async (t) => {
  let lost = false;
  const socket = { a: 'socket' };
  const a: Rpc = new Rpc(
    (message, handle) => {
      // What Node does when the other process has no descriptor left: the message goes with the socket.
      if (handle === undefined || !lost) b.receive(message, handle);
    },
    {},
    () => {},
  );
  const handlers = { take: async (body: unknown, handle: unknown) => [body, handle === socket, handle === undefined] };
  const b: Rpc = new Rpc(
    (message) => a.receive(message),
    handlers,
    () => {},
  );
  t.same(await a.call('take', 1, socket), [1, true, false]);
  t.same(await a.call('take', 2), [2, false, true]);
  lost = true;
  t.same(await a.call('take', 3, socket), [3, false, true]);
});

t.test('messages that are not ours are left alone', async (t) => {
  const a = new Rpc(
    () => t.fail('an answer to a stranger'),
    {},
    () => {},
  );
  for (const message of [null, 'text', {}, { cmd: 'NODE_CLUSTER' }, { keystead: 'answer', id: 99 }]) a.receive(message);
});
