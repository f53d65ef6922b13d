import t from 'tap';
import { type JsonRequest, requestJson, requestJsonLines, serviceUrl } from '../../src/net/json-request.ts';
import { openIssuer } from '../auth/support/issuer.ts';
import { authority } from '../support/certificates.ts';

const LIMITS = { timeoutMs: 5000, maxBytes: 1000, whom: 'the other side', reason: 'issuer-unreachable' } as const;
const get = (url: string, more: Partial<JsonRequest> = {}) =>
  requestJson({ url: new URL(url), method: 'GET', ...LIMITS, ...more });
const failure = (message: RegExp) => ({ name: 'KeysteadError', reason: 'issuer-unreachable', message });

t.test('https is asked for, and http on loopback alone', async (t) => {
  for (const good of ['https://a.example', 'http://127.0.0.1:1', 'http://localhost/x', 'http://[::1]:8']) {
    t.ok(serviceUrl(good, 'it'), good);
  }
  for (const bad of [
    'http://a.example',
    'http://127.0.0.1.example',
    'ftp://a',
    'a',
    'https://u:p@a',
    'https://u@a',
    'file:///x',
  ]) {
    t.throws(() => serviceUrl(bad, 'it'), { name: 'KeysteadError', reason: 'bad-config' }, bad);
  }
});

t.test('an answer is given back with its status, and nothing where it is no JSON', async (t) => {
  const server = await openIssuer(t);
  t.match(await get(`${server.url}/keys`), { status: 200, body: { keys: [] } });
  t.match(await get(`${server.url}/nothing`), { status: 404, body: {} });
  server.answer = (_request, response) => response.end('<html>');
  t.match(await get(server.url), { status: 200, body: undefined });
});

t.test('what is sent arrives: the method, the body, the token', async (t) => {
  const server = await openIssuer(t);
  server.answer = async (request, response) => {
    const body = (await request.toArray()).join('');
    const { accept, 'content-type': type } = request.headers;
    response.end(JSON.stringify({ method: request.method, body, type, accept }));
  };
  const { body } = await get(server.url, { method: 'POST', body: { a: 'ä' }, token: 'secret' });
  const accept = 'application/json, application/jwk-set+json';
  t.same(body, { method: 'POST', body: '{"a":"ä"}', type: 'application/json', accept });
  t.equal(server.asked[0]?.authorization, 'Bearer secret');
});

t.test('a redirect is not followed', async (t) => {
  const [one, other] = [await openIssuer(t), await openIssuer(t)];
  one.answer = (_request, response) => response.writeHead(302, { location: `${other.url}/keys` }).end();
  t.match(await get(one.url), { status: 302 });
  t.same(other.asked, []);
});

t.test('no more is read than allowed, however long the answer claims to be', async (t) => {
  const server = await openIssuer(t);
  server.answer = (_request, response) => response.end(`"${'x'.repeat(998)}"`);
  t.match(await get(server.url), { body: /^x{998}$/ });
  server.answer = (_request, response) => response.end(`"${'x'.repeat(999)}"`);
  await t.rejects(get(server.url), failure(/more than 1000 bytes/));
  server.answer = (_request, response) => {
    const more = () => {
      if (response.destroyed) return;
      response.write('x'.repeat(100));
      setImmediate(more);
    };
    more();
  };
  await t.rejects(get(server.url), failure(/more than 1000 bytes/));
});

t.test('an answer that does not come, or does not end, is waited for no longer than allowed', async (t) => {
  const server = await openIssuer(t);
  server.answer = () => {};
  await t.rejects(get(server.url, { timeoutMs: 50 }), failure(/no answer within 50 ms/));
  server.answer = (_request, response) => response.write('{');
  await t.rejects(get(server.url, { timeoutMs: 50 }), failure(/no answer within 50 ms/));
});

t.test('a connection that breaks, or cannot be made, is told by its code', async (t) => {
  const server = await openIssuer(t);
  server.answer = (request) => request.socket.destroy();
  await t.rejects(get(server.url), failure(/the other side cannot be asked \(ECONNRESET\)/));
  await t.rejects(get('http://127.0.0.1:1'), failure(/ECONNREFUSED/));
});

t.test('a certificate is checked against the authority that is given', async (t) => {
  const [mine, foreign] = [authority('mine'), authority('foreign')];
  const server = await openIssuer(t, mine.issue('server'));
  t.match(await get(`${server.url}/keys`, { ca: Buffer.from(mine.cert) }), { status: 200 });
  await t.rejects(get(`${server.url}/keys`), failure(/UNABLE_TO_VERIFY_LEAF_SIGNATURE/));
  await t.rejects(get(`${server.url}/keys`, { ca: Buffer.from(foreign.cert) }), failure(/cannot be asked/));
});

t.test('lines are given one after the other, as they come', async (t) => {
  const server = await openIssuer(t);
  let more = () => {};
  server.answer = (_request, response) => {
    response.write('{"n":1}\n{"n"');
    more = () => response.end(':2}\n{"n":3}\n{"rest":');
  };
  const seen: unknown[] = [];
  const each = async (line: unknown) => {
    seen.push(line);
    if (seen.length === 1) setImmediate(more);
  };
  const lines = (url = server.url, over: Partial<JsonRequest> = {}, signal = new AbortController().signal) =>
    requestJsonLines({ url: new URL(url), method: 'GET', ...LIMITS, ...over }, each, signal);
  t.match(await lines(), { status: 200 });
  t.same(seen, [{ n: 1 }, { n: 2 }, { n: 3 }], 'but for one that has no end');

  server.answer = (_request, response) => response.writeHead(403).end('{"no":1}');
  t.match(await lines(), { status: 403, body: { no: 1 } });
  server.answer = (_request, response) => response.write(`${'x'.repeat(1001)}`);
  await t.rejects(lines(), failure(/more than 1000 bytes/));
  server.answer = (_request, response) => response.write('{"n":4}\n');
  await t.rejects(lines(server.url, { timeoutMs: 50 }), failure(/no answer within 50 ms/));
  const ending = new AbortController();
  const ended = t.rejects(lines(server.url, {}, ending.signal), failure(/cannot be asked/));
  ending.abort();
  await ended;
});
