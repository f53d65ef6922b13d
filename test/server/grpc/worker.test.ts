import cluster from 'node:cluster';
import { once } from 'node:events';
import { join } from 'node:path';
import t from 'tap';
import { framed, rawCall, rawSession } from './support/raw-client.ts';

t.test('workers of a cluster share one listening socket', async (t) => {
  cluster.setupPrimary({ exec: join(import.meta.dirname, 'support', 'worker.ts'), silent: true });
  const workers = [cluster.fork(), cluster.fork()];
  t.teardown(() => {
    for (const worker of workers) worker.kill();
  });
  const ports = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0] as number));
  t.equal(ports[0], ports[1]);
  for (let n = 0; n < 6; n++) {
    const answer = await rawCall(
      rawSession(t, ports[0] ?? 0),
      '/kms.API/GetDataKey',
      framed(Buffer.from('0a01611020', 'hex')),
    );
    t.equal(answer.status, 0);
  }
  const exits = workers.map((worker) => once(worker, 'exit'));
  for (const worker of workers) worker.send('drain');
  t.same(await Promise.all(exits), [
    [0, null],
    [0, null],
  ]);
});
