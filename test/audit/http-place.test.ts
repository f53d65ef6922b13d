import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { httpPlace } from '../../src/audit/http-place.ts';

interface Test {
  teardown(fn: () => unknown): unknown;
}

type Posted = { readonly url: string | undefined; readonly headers: IncomingMessage['headers']; readonly body: string };

/** A collector that keeps what it is sent and answers as it is told. */
async function collector(t: Test, answer: (response: ServerResponse) => unknown) {
  const posted: Posted[] = [];
  const server = createServer(async (request, response) => {
    posted.push({ url: request.url, headers: request.headers, body: await text(request) });
    answer(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { posted, server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const LINES = '{"audit":2,"time":"2030-01-01T00:00:00.000Z"}\n{"audit":2,"time":"2030-01-01T00:00:01.000Z"}\n';

t.test('lines are posted as they are, with the token', async (t) => {
  const { posted, origin } = await collector(t, (response) => response.writeHead(204).end());
  const place = httpPlace({ url: `${origin}/audit`, timeoutMs: 60_000, token: async () => 'secret-token' });
  t.equal(place.name, `${origin}/audit`);
  await place.append(LINES);
  t.match(posted, [
    {
      url: '/audit',
      body: LINES,
      headers: { 'content-type': 'application/x-ndjson', authorization: 'Bearer secret-token' },
    },
  ]);
});

t.test('OTLP gets one log record a line, at the path that its exporters use', async (t) => {
  const { posted, origin } = await collector(t, (response) => response.end('{}'));
  await httpPlace({ url: `otlp+${origin}`, timeoutMs: 60_000 }).append(LINES);
  t.equal(posted[0]?.url, '/v1/logs');
  const [{ scopeLogs }] = JSON.parse(posted[0]?.body ?? '').resourceLogs;
  t.match(scopeLogs[0].logRecords, [
    { timeUnixNano: '1893456000000000000', body: { stringValue: LINES.split('\n')[0] } },
    { timeUnixNano: '1893456001000000000', body: { stringValue: LINES.split('\n')[1] } },
  ]);
});

t.test('a collector that drops some has not taken them', async (t) => {
  const dropped = JSON.stringify({ partialSuccess: { rejectedLogRecords: '1' } });
  const { origin } = await collector(t, (response) => response.end(dropped));
  await t.rejects(httpPlace({ url: `otlp+${origin}`, timeoutMs: 60_000 }).append(LINES), { message: /not taken all/ });
});

for (const status of [301, 404, 500]) {
  t.test(`${status} is a failure, and no redirect is followed`, async (t) => {
    const { posted, origin } = await collector(t, (response) =>
      response.writeHead(status, { location: '/other' }).end(),
    );
    await t.rejects(httpPlace({ url: origin, timeoutMs: 60_000 }).append(LINES), { message: new RegExp(`${status}`) });
    t.equal(posted.length, 1);
  });
}

t.test('a collector that never answers is given up in time', async (t) => {
  const { origin } = await collector(t, () => {});
  await t.rejects(httpPlace({ url: origin, timeoutMs: 50 }).append(LINES), { message: 'no answer within 50 ms' });
});

t.test('why a collector cannot be reached is told by the word of the system', async (t) => {
  const { origin, server } = await collector(t, (response) => response.end());
  const append = (url: string) => httpPlace({ url, timeoutMs: 60_000 }).append(LINES);
  await t.rejects(append(origin.replace('http:', 'https:')), { message: /^ERR_SSL_/ });
  server.close();
  server.closeAllConnections();
  await t.rejects(append(origin), { reason: 'audit-unavailable', message: 'ECONNREFUSED' });
  await t.rejects(append('http://127.0.0.1:6000'), { message: 'bad port' }, 'one that fetch asks nobody on');
});
