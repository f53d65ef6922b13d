import type { Socket } from 'node:net';
import t from 'tap';
import { HandOver } from '../../../src/server/workers/hand-over.ts';
import { childrenOf, startService } from '../../support/service-process.ts';

/** A connection that knows whether it was ended here. */
function connection(): Socket & { ended: boolean } {
  const socket = { ended: false, destroy: () => Object.assign(socket, { ended: true }) };
  return socket as unknown as Socket & { ended: boolean };
}

/** A worker that says when it has a connection, or that it is gone, when it is told to. */
function worker() {
  const offered: { listener: string; socket: Socket; say(taken: boolean): void; die(): void }[] = [];
  const serve = (listener: string, socket: Socket) =>
    new Promise<boolean>((say, reject) => {
      offered.push({ listener, socket, say, die: () => reject(new Error('gone')) });
    });
  return { offered, serve };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

t.test('connections go to who has been free for longest, and to nobody before it has the last one', async (t) => {
  const [one, two, handOver] = [worker(), worker(), new HandOver()];
  const sockets = Array.from({ length: 5 }, connection);
  for (const socket of sockets.slice(0, 2)) handOver.give('http', socket);
  handOver.join(one);
  handOver.join(two);
  for (const socket of sockets.slice(2)) handOver.give('grpc', socket);
  t.same([one.offered.length, two.offered.length], [1, 1], 'who came before there were workers has waited');
  two.offered[0]?.say(true);
  await settled();
  t.same([one.offered.length, two.offered.length], [1, 2], 'one hangs, two goes on');
  t.equal(two.offered[1]?.listener, 'grpc');
  one.offered[0]?.say(true);
  two.offered[1]?.say(true);
  await settled();
  t.same([one.offered.length, two.offered.length], [2, 3]);
  t.same(
    sockets.map(({ ended }) => ended),
    [true, true, true, false, false],
    'ours is closed when the worker has its own',
  );
});

t.test('what a worker did not take before its end goes to another one', async (t) => {
  const [one, two, handOver, socket] = [worker(), worker(), new HandOver(), connection()];
  handOver.join(one);
  handOver.give('http', socket);
  handOver.join(two);
  handOver.leave(one);
  one.offered[0]?.die();
  await settled();
  t.equal(two.offered[0]?.socket, socket);
  t.notOk(socket.ended);
  handOver.give('http', connection());
  t.equal(one.offered.length, 1, 'and who is gone gets nothing any more');
});

t.test('what a worker cannot take is ended, and the worker goes on', async (t) => {
  const [one, handOver, socket] = [worker(), new HandOver(), connection()];
  handOver.join(one);
  handOver.give('http', socket);
  one.offered[0]?.say(false);
  await settled();
  t.ok(socket.ended);
  handOver.give('http', connection());
  t.equal(one.offered.length, 2);
});

t.test('the end comes when every connection is taken', async (t) => {
  const [one, handOver] = [worker(), new HandOver()];
  handOver.join(one);
  for (let n = 0; n < 2; n++) handOver.give('http', connection());
  let closed = false;
  const closing = handOver.close().then(() => {
    closed = true;
  });
  one.offered[0]?.say(true);
  await settled();
  t.notOk(closed);
  one.offered[1]?.say(true);
  await closing;
});

t.test('the end comes without workers too, for those who wait as well', async (t) => {
  const [one, handOver] = [worker(), new HandOver()];
  await new HandOver().close();
  handOver.join(one);
  const sockets = [connection(), connection()];
  for (const socket of sockets) handOver.give('http', socket);
  const closing = handOver.close();
  handOver.leave(one);
  one.offered[0]?.die();
  await closing;
  t.ok(sockets.every(({ ended }) => ended));
});

t.test('a worker that hangs keeps nobody waiting but the one that it was given', async (t) => {
  const service = startService(t, { workers: 2, grpc: { listen: 'off' } });
  const { http } = await service.ready();
  const [hung] = await childrenOf(service.child.pid as number);
  process.kill(hung as number, 'SIGSTOP');
  // The first of them may be given to the one that hangs.
  const waiting = Array.from({ length: 6 }, () => ask(http));
  const answered = new Promise<void>((resolve) => {
    let count = 0;
    for (const one of waiting) void one.then(() => ++count === 5 && resolve());
  });
  await answered;
  process.kill(hung as number, 'SIGCONT');
  t.same(await Promise.all(waiting), Array(6).fill(200));
});

/** A call on a connection of its own. */
async function ask(url: string): Promise<number> {
  const init = { method: 'POST', headers: { connection: 'close' } };
  return (await fetch(`${url}/v1/data-keys/disk/get?length=32`, init)).status;
}
