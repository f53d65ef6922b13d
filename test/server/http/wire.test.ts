import { connect, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { resetSocket } from '../../support/reset-socket.ts';
import { exchange, KNOWN_KEK, listen, openApp } from './support.ts';

/** What only shows in bytes on a connection. */

const KEY = '1J6nYs6tEh1pRxGwTFxF6O+tWFCMvfp0tc312DzucyI=';
const get = (path: string, headers = 'Connection: close\r\n') =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n${headers}\r\n`;
const withBody = (body: string, headers = 'Connection: close\r\n') =>
  `POST /v1/data-keys/volume-1/get HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;
const inChunks = (coding: string) =>
  `POST /v1/data-keys/volume-1/get HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: ${coding}\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n`;

const open = async (t: Test, limits = {}) => listen((await openApp(t, { config: KNOWN_KEK, limits })).app);

/** The answers on one connection: status, headers and body of each. */
function answersOf(text: string): { status: number; head: string; body: string }[] {
  const answers = [];
  for (let rest = text; rest !== ''; ) {
    const end = rest.indexOf('\r\n\r\n');
    const head = rest.slice(0, end);
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    answers.push({ status: Number(head.slice(9, 12)), head, body: rest.slice(end + 4, end + 4 + length) });
    rest = rest.slice(end + 4 + length);
  }
  return answers;
}

function isProblemText(t: Test, text: string, status: number, reason: string): void {
  const [answer, ...others] = answersOf(text);
  t.equal(answer?.status, status, reason);
  t.match(answer?.head, /^content-type: application\/problem\+json$/im);
  t.match(answer?.head, /^cache-control: no-store$/im);
  t.match(JSON.parse(answer?.body || '{}'), { status, reason, instance: /^urn:keystead:audit:[0-9a-f]{32}$/ });
  t.equal(others.length, 0);
}

t.test('the server does not say what it is', async (t) => {
  const [answer] = answersOf(await exchange(await open(t), get('/v1/data-keys/volume-1/get')));
  t.equal(answer?.status, 200);
  t.notMatch(answer?.head, /^(server|x-powered-by|via|etag|vary):/im);
});

t.test('ids of dots are ids, which most clients would take away', async (t) => {
  const port = await open(t);
  const idOf = async (path: string) => JSON.parse(answersOf(await exchange(port, get(path)))[0]?.body ?? '').dataKeyId;
  t.equal(await idOf('/v1/data-keys/./get'), '.');
  t.equal(await idOf('/v1/data-keys/../get'), '..');
  t.equal(await idOf('/v1/data-keys/%2e%2E/get'), '..');
  t.equal(await idOf('/v1/data-keys/-/get'), '-');
});

t.test('bytes in the path that must be percent-encoded are refused, not guessed', async (t) => {
  const port = await open(t);
  for (const path of ['/v1/data-keys/%ff/get', '/v1/data-keys/%/get', '/v1/data-keys/a/get?length=32#']) {
    isProblemText(t, await exchange(port, get(path)), 400, 'bad-id');
  }
  isProblemText(t, await exchange(port, get('/v1/data-keys/a#b').replace('POST', 'GET')), 400, 'bad-id');
  isProblemText(t, await exchange(port, get('/v1/data-keys/é/get')), 400, 'bad-request');
});

t.test('what is no HTTP is answered with a problem, and the connection closed', async (t) => {
  const port = await open(t);
  const cases: [string, number, string][] = [
    ['nonsense\r\n\r\n', 400, 'bad-request'],
    ['GET /livez HTTP/9.9\r\n\r\n', 400, 'bad-request'],
    ['GET /livez HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n', 400, 'bad-request'],
    ['GET /livez HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'bad-request'],
    [`${get('/v1/data-keys/a/get').slice(0, -2)}Content-Length: 1\r\n\r\n`, 400, 'bad-request'],
    [`GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`, 431, 'headers-too-large'],
    [get(`/v1/data-keys/${'x'.repeat(70_000)}/get`), 431, 'headers-too-large'],
    ['GET /livez HTTP/1.1\r\nHost: localhost\r\nhOST: evil\r\nConnection: close\r\n\r\n', 400, 'bad-request'],
    ['GET /nowhere HTTP/1.1\r\nHost: a\r\nHost: a\r\nConnection: close\r\n\r\n', 400, 'bad-request'],
    ['GET /livez HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n', 400, 'bad-request'],
    [
      get('/v1/data-keys/a/get', 'Authorization: Bearer a\r\nauthorization: Bearer b\r\nConnection: close\r\n'),
      400,
      'bad-request',
    ],
    [withBody('{}', 'content-type: text/plain\r\nConnection: close\r\n'), 400, 'bad-request'],
    [inChunks('gzip, chunked'), 400, 'bad-request'],
    [inChunks('identity, chunked'), 400, 'bad-request'],
    [inChunks('gzip\r\nTransfer-Encoding: chunked'), 400, 'bad-request'],
    [get('http://evil/v1/data-keys/a/get'), 400, 'bad-request'],
    [get('http://localhost/nowhere'), 404, 'no-route'],
    [get('http://localhost'), 404, 'no-route'],
    [get('http://localhost:1/v1/data-keys/a/get'), 400, 'bad-request'],
    [get('http://localhost@evil/v1/data-keys/a/get'), 400, 'bad-request'],
    [get('http://evil@localhost/v1/data-keys/a/get'), 400, 'bad-request'],
    [get('http:///v1/data-keys/a/get'), 400, 'bad-request'],
    [get('ftp://localhost/v1/data-keys/a/get'), 400, 'bad-request'],
    [get('http://localhost/livez#/v1/data-keys/a/get'), 400, 'bad-request'],
    [get('http://localhost/v1/data-keys/%ff/get'), 400, 'bad-id'],
    ['GET http://localhost/livez HTTP/1.1\r\nConnection: close\r\n\r\n', 400, 'bad-request'],
    ['GET http://a/livez HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n', 400, 'bad-request'],
    ['GET http://evil/livez HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n', 403, 'policy'],
    ['GET http://evil/livez HTTP/1.0\r\n\r\n', 403, 'policy'],
    ['GET * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', 400, 'bad-request'],
    [get('/v1/data-keys/a/get', 'Expect: 200-maybe\r\nConnection: close\r\n'), 400, 'bad-request'],
    [get('/nowhere', 'Expect: something\r\nConnection: close\r\n'), 400, 'bad-request'],
    ['CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\nmore bytes', 400, 'bad-request'],
    ['OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n', 404, 'no-route'],
  ];
  for (const [request, status, reason] of cases) {
    t.comment(request.slice(0, 60));
    isProblemText(t, await exchange(port, request), status, reason);
  }
  t.equal(answersOf(await exchange(port, get('/v1/data-keys/a/get')))[0]?.status, 200, 'and the service goes on');
});

t.test('a target that is a whole URL is the path in it', async (t) => {
  const port = await open(t);
  const answerTo = async (request: string) => answersOf(await exchange(port, request))[0];
  for (const url of ['http://localhost', 'HTTP://LOCALHOST', 'https://localhost']) {
    t.match((await answerTo(get(`${url}/v1/data-keys/volume-1/get?length=32`)))?.body, KEY, url);
  }
  t.match((await answerTo(get('http://localhost/v1/data-keys/http:%2F%2Fevil%2F/get')))?.body, /"http:\/\/evil\/"/);
  t.equal((await answerTo('GET http://127.0.0.1/livez HTTP/1.0\r\n\r\n'))?.status, 200);
  const two = `${get('http://localhost/v1/data-keys/a/get', '')}${get('/v1/data-keys/volume-1/get')}`;
  const [, second] = answersOf(await exchange(port, two));
  t.match(second?.body, KEY, 'and what follows on the connection is a request of its own');
  const wrongMethod = await answerTo(get('http://localhost/livez'));
  t.match(wrongMethod?.head, /^allow: GET, HEAD$/im);
});

t.test('the longest id has room beside ordinary headers', async (t) => {
  const id = '%00'.repeat(4096);
  const headers = `Authorization: Bearer ${'x'.repeat(8000)}\r\nConnection: close\r\n`;
  t.equal(answersOf(await exchange(await open(t), get(`/v1/data-keys/${id}/get`, headers)))[0]?.status, 200);
});

t.test('requests in a pipeline are answered in their order', async (t) => {
  const requests = [
    get('/v1/data-keys/a/get', ''),
    withBody('{"length":0}', ''),
    get('/nowhere', ''),
    withBody('{', ''),
    get('/v1/data-keys/volume-1/get'),
  ];
  const answers = answersOf(await exchange(await open(t), requests.join('')));
  t.strictSame(
    answers.map(({ status }) => status),
    [200, 400, 404, 400, 200],
  );
  t.match(answers.at(-1)?.body, KEY);
});

t.test('nonsense behind a request does not take its answer away', async (t) => {
  const answers = answersOf(await exchange(await open(t), `${get('/v1/data-keys/volume-1/get', '')}nonsense\r\n\r\n`));
  t.strictSame(
    answers.map(({ status }) => status),
    [200, 400],
  );
  t.match(answers[0]?.body, KEY);
});

t.test('a caller that has closed its half of the connection gets its answer', async (t) => {
  const { app, services } = await openApp(t, { config: KNOWN_KEK });
  const { dataKeys } = services;
  const closed = new Promise((resolve) => app.server.on('connection', (socket: Socket) => socket.once('end', resolve)));
  const get: typeof dataKeys.get = async (...request) => {
    await closed;
    return dataKeys.get(...request);
  };
  Object.assign(services, { dataKeys: { ...dataKeys, get } });
  const text = await exchange(await listen(app), withBody('{"length":32}', ''), { end: true });
  t.match(answersOf(text)[0]?.body, KEY);
});

t.test('a body that is cut off is no request', async (t) => {
  const port = await open(t);
  const half = withBody('{"length":32}', '').slice(0, -3);
  isProblemText(t, await exchange(port, half, { end: true }), 400, 'bad-request');
});

t.test('a caller that waits for permission gets it, and sends its body', async (t) => {
  const request = withBody('{"length":32}', 'Expect: 100-continue\r\nConnection: close\r\n');
  const text = await exchange(await open(t), request);
  t.match(text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200/);
});

t.test('a body of 1 MB is refused, and its sender can read the answer and go on', async (t) => {
  const port = await open(t);
  const text = await exchange(port, [withBody('x'.repeat(1024 * 1024), ''), get('/v1/data-keys/volume-1/get')]);
  const answers = answersOf(text);
  t.strictSame(
    answers.map(({ status }) => status),
    [413, 200],
  );
  t.match(JSON.parse(answers[0]?.body ?? ''), { reason: 'body-too-large' });
});

t.test('a refused body closes the connection where the caller asked for that, behind a readable answer', async (t) => {
  const { app } = await openApp(t, { config: KNOWN_KEK });
  const port = await listen(app);
  const refused: [string, string, number, string][] = [
    ['application/json', '{', 400, 'bad-json'],
    ['application/json', '', 400, 'bad-json'],
    ['text/plain', 'x', 415, 'unsupported-media-type'],
    ['application/json; charset=latin1', '{}', 415, 'unsupported-media-type'],
    ['application/json', 'x'.repeat(4 * 1024 * 1024), 413, 'body-too-large'],
  ];
  for (const [type, body, status, reason] of refused) {
    const rest = `Host: localhost\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n`;
    for (const head of [`HTTP/1.1\r\nConnection: Close\r\n${rest}`, `HTTP/1.0\r\n${rest}`]) {
      const text = await exchange(port, `POST /v1/data-keys/a/get ${head}\r\n${body}`);
      isProblemText(t, text, status, reason);
      // To HTTP/1.0 it need not be said: that is what a connection does there.
      if (head.startsWith('HTTP/1.1')) t.match(text, /^connection: close\r$/im);
      t.notMatch(text, /keep-alive/i);
    }
  }
});

t.test('a refused body closes the connection while the service drains', async (t) => {
  const { app } = await openApp(t, { config: KNOWN_KEK });
  const port = await listen(app);
  app.server.prependListener('request', (_request, response) => {
    response.shouldKeepAlive = false;
  });
  for (const body of ['{', 'x'.repeat(1024 * 1024)]) {
    t.match(await exchange(port, withBody(body, '')), /^connection: close\r$/im);
  }
});

t.test('a caller that goes away in the middle of a refused body leaves nothing behind', async (t) => {
  const port = await open(t);
  const head = withBody('x'.repeat(1024 * 1024)).slice(0, -1024);
  const text = await exchange(port, head, { end: true });
  t.match(text, /^HTTP\/1\.1 4/);
  t.equal(answersOf(await exchange(port, get('/v1/data-keys/a/get')))[0]?.status, 200);
});

t.test('a CONNECT behind another request does not take its answer away', async (t) => {
  const connecting = 'CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\n';
  const answers = answersOf(await exchange(await open(t), `${get('/v1/data-keys/volume-1/get', '')}${connecting}`));
  t.strictSame(
    answers.map(({ status }) => status),
    [200, 400],
  );
});

t.test('a body in chunks has the same limit', async (t) => {
  const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
  const head =
    'POST /v1/data-keys/a/get HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n';
  isProblemText(t, await exchange(await open(t), `${head}${chunk}1\r\nx\r\n`), 413, 'body-too-large');
});

t.test('callers that send too slowly are told so, and ended', async (t) => {
  const port = await open(t, { headersTimeout: 50, requestTimeout: 50, checkInterval: 10 });
  isProblemText(t, await exchange(port, 'POST /v1/data-keys/a/get HTTP/1.1\r\nHost: local'), 408, 'request-timeout');
  isProblemText(t, await exchange(port, withBody('{"length":32}', '').slice(0, -3)), 408, 'request-timeout');
});

t.test('connections that are idle are closed', async (t) => {
  const port = await open(t, { keepAliveTimeout: 20 });
  const [answer, ...others] = answersOf(await exchange(port, get('/v1/data-keys/a/get', '')));
  t.equal(answer?.status, 200);
  t.equal(others.length, 0);
});

t.test('no more connections are taken than are allowed', async (t) => {
  const port = await open(t, { maxConnections: 1 });
  const first = connect(port, '127.0.0.1');
  t.teardown(() => first.destroy());
  await new Promise((resolve) => first.once('connect', resolve));
  first.write(get('/v1/data-keys/a/get', ''));
  await new Promise((resolve) => first.once('data', resolve));
  t.equal(await exchange(port, get('/v1/data-keys/a/get')).catch(() => ''), '');
});

t.test('a call whose caller goes away is aborted', async (t) => {
  const { promise: aborted, resolve } = Promise.withResolvers<unknown>();
  const { promise: asked, resolve: started } = Promise.withResolvers<void>();
  const dataKeys = {
    get: (_request: unknown, { signal }: { signal: AbortSignal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          resolve(signal.reason);
          reject(signal.reason);
        });
        started();
      }),
  };
  const { app } = await openApp(t, { services: { dataKeys: dataKeys as never } });
  const socket = connect(await listen(app), '127.0.0.1');
  socket.write(get('/v1/data-keys/a/get'));
  await asked;
  resetSocket(socket);
  t.match(await aborted, { reason: 'client-gone' });
});

t.test('the bytes of a key are wiped when they are out', async (t) => {
  const { app } = await openApp(t, { config: KNOWN_KEK });
  const { promise, resolve } = Promise.withResolvers<Buffer | null>();
  app.server.prependListener('request', (_request, response) => {
    const end = response.end;
    response.end = function (this: typeof response, ...args: unknown[]) {
      const bytes = args[0] as Buffer;
      response.once('close', () => setImmediate(() => resolve(bytes)));
      return Reflect.apply(end, this, args);
    } as typeof end;
  });
  t.match(await exchange(await listen(app), get('/v1/data-keys/volume-1/get')), KEY);
  const bytes = await promise;
  t.ok((bytes?.length ?? 0) > 100);
  t.ok(bytes?.every((byte) => byte === 0));
});
