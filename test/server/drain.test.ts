import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { grpcLoad, httpLoad } from '../support/load.ts';
import { startService } from '../support/service-process.ts';

for (const workers of [1, 2]) {
  t.test(`no request is lost when ${workers} process(es) are told to end under load`, async (t) => {
    const service = startService(t, { workers });
    const { http, grpc } = await service.ready();
    let told = false;
    const tell = ({ answered }: { answered: number }) => {
      if (told || answered < 200) return;
      told = true;
      service.kill('SIGTERM');
    };
    const tallies = await Promise.all([
      httpLoad(http, 8, tell),
      httpLoad(http, 8, tell, { keepAlive: false }),
      grpcLoad(grpc, 4, tell),
    ]);
    t.equal(await service.exited, 0);
    for (const { answered, lost } of tallies) {
      t.same(lost, []);
      t.ok(answered > 0);
    }
    const answered = tallies.reduce((sum, tally) => sum + tally.answered, 0);
    t.equal(service.audit.length, answered, 'every answer has its audit line');
  });
}

t.test('a request that has begun is answered, with a word that it was the last', async (t) => {
  const service = startService(t, {});
  const { http } = await service.ready();
  const { hostname, port } = new URL(http);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const body = '{"length":32}';
  socket.write(
    `POST /v1/data-keys/x/get HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n{`,
  );
  await fetch(`${http}/livez`, { headers: { connection: 'close' } });
  service.kill('SIGTERM');
  await service.logged('closing');
  await shut(http);
  socket.write(body.slice(1));
  let answer = '';
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text;
  });
  await once(socket, 'close');
  t.match(answer, /^HTTP\/1\.1 200 OK\r\n/);
  t.match(answer, /"dataKey":/);
  t.equal(await service.exited, 0);
});

t.test('readiness turns 503 on connections that are still open, and says that the service is closing', async (t) => {
  const service = startService(t, {});
  const { http } = await service.ready();
  const { hostname, port } = new URL(http);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  // Held open by a request that is not finished yet.
  socket.write(`GET /readyz HTTP/1.1\r\nHost: ${hostname}:${port}\r\n`);
  await fetch(`${http}/livez`, { headers: { connection: 'close' } });
  service.kill('SIGTERM');
  await service.logged('closing');
  await shut(http);
  socket.write('\r\n');
  let answer = '';
  socket.setEncoding('utf8').on('data', (text) => {
    answer += text;
  });
  await once(socket, 'close');
  t.match(answer, /^HTTP\/1\.1 503 /);
  t.match(answer, /^connection: close\r$/im);
  t.match(answer, /closing/);
  t.equal(await service.exited, 0);
});

/** Resolves when nobody is let in any more, which is a while after the log says `closing`. */
async function shut(url: string): Promise<void> {
  const knock = () =>
    fetch(`${url}/livez`, { headers: { connection: 'close' } }).then(
      () => true,
      () => false,
    );
  while (await knock());
}
