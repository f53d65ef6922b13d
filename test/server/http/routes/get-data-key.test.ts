import fc from 'fast-check';
import type { LightMyRequestResponse } from 'fastify';
import t from 'tap';
import { KeysteadError } from '../../../../src/core/errors.ts';
import { SecretBytes } from '../../../../src/core/secret-bytes.ts';
import { rememberingAudit } from '../../../support/services.ts';
import { isProblem, KNOWN_KEK, type Opened, openApp } from '../support.ts';

const KEY = '1J6nYs6tEh1pRxGwTFxF6O+tWFCMvfp0tc312DzucyI=';
const CHECK = '87FsZAOHGo9KAXkZOlyvrw==';
const PATH = '/v1/data-keys/volume-1/get';

const post = ({ app }: Opened, payload: object | string, url = PATH): Promise<LightMyRequestResponse> =>
  app.inject({ method: 'POST', url, payload, headers: { 'content-type': 'application/json' } });
const ask = ({ app }: Opened, url: string, headers = {}): Promise<LightMyRequestResponse> =>
  app.inject({ method: 'POST', url, headers });

t.test('a data key is answered with all that is known of it', async (t) => {
  const opened = await openApp(t, { config: KNOWN_KEK });
  const answer = await post(opened, { length: 32 });
  t.equal(answer.statusCode, 200);
  t.equal(answer.headers['content-type'], 'application/json');
  t.equal(answer.headers['cache-control'], 'no-store');
  t.equal(answer.headers['content-length'], String(answer.rawPayload.length));
  t.strictSame(answer.json(), {
    dataKeyId: 'volume-1',
    dataKey: KEY,
    length: 32,
    version: 1,
    check: CHECK,
    created: false,
    source: 'derived',
  });
});

t.test('the names of the body may stand in the query, and are all optional', async (t) => {
  const opened = await openApp(t, { config: KNOWN_KEK });
  const expect = encodeURIComponent(CHECK);
  const urls = [PATH, `${PATH}?`, `${PATH}?length=32`, `${PATH}?length=32&version=1&create=never&expect=${expect}`];
  for (const url of urls) t.equal((await ask(opened, url)).json().dataKey, KEY, url);
  for (const body of [{}, { version: 1 }, { expect: CHECK }, { expect: CHECK.replace(/=+$/, ''), create: 'never' }]) {
    t.equal((await post(opened, body)).json().dataKey, KEY, JSON.stringify(body));
  }
});

t.test('a check value may stand in the query as an answer gave it', async (t) => {
  const opened = await openApp(t, { config: KNOWN_KEK });
  const url = '/v1/data-keys/pl10/get';
  const { check } = (await ask(opened, url)).json();
  t.equal(check, '01+/4N8/J3tuA8KuncC+Fw==');
  for (const expect of [check, encodeURIComponent(check), Buffer.from(check, 'base64').toString('base64url')]) {
    t.equal((await ask(opened, `${url}?expect=${expect}`)).statusCode, 200, expect);
  }
  isProblem(t, await ask(opened, `${url}?expect=${check.replace('+', '/')}`), 412, 'check-mismatch');
});

t.test('on request the answer is the bare key, with the rest in headers', async (t) => {
  const opened = await openApp(t, { config: KNOWN_KEK });
  const answer = await ask(opened, '/v1/data-keys/volume%2F%C3%A9/get?length=8160', {
    accept: 'application/octet-stream',
  });
  t.equal(answer.statusCode, 200);
  t.equal(answer.rawPayload.length, 8160);
  t.equal(answer.headers['content-type'], 'application/octet-stream');
  t.equal(answer.headers['cache-control'], 'no-store');
  const json = await ask(opened, '/v1/data-keys/volume%2F%C3%A9/get?length=8160');
  const { dataKey, check } = json.json();
  t.equal(answer.rawPayload.toString('base64'), dataKey);
  t.match(answer.headers, {
    'keystead-data-key-id': 'volume%2F%C3%A9',
    'keystead-length': '8160',
    'keystead-version': '1',
    'keystead-check': check,
    'keystead-created': 'false',
    'keystead-source': 'derived',
  });
});

t.test('another media type is refused before a key is fetched', async (t) => {
  const audit = rememberingAudit();
  const opened = await openApp(t, { ambient: { audit } });
  isProblem(t, await ask(opened, PATH, { accept: 'text/html' }), 406, 'not-acceptable');
  t.equal(audit.events.length, 0);
});

t.test('every bad member is refused with a reason of its own', async (t) => {
  const opened = await openApp(t);
  const cases: [string, string][] = [
    ...['0', '-1', '1.5', '"32"', '8161', '4294967296', 'null', '1e400', 'true', '[32]', '{}'].map(
      (length): [string, string] => [`{"length":${length}}`, 'bad-length'],
    ),
    ...['0', '-1', '1.5', '"1"', 'null', '9007199254740993'].map((version): [string, string] => [
      `{"version":${version}}`,
      'bad-version',
    ]),
    ...['"always"', 'null', '1', '""'].map((create): [string, string] => [`{"create":${create}}`, 'bad-request']),
    ...['""', '"AAAA"', 'null', '1', '"%"', '"87FsZAOHGo9KAXkZOlyvrx=="'].map((expect): [string, string] => [
      `{"expect":${expect}}`,
      'bad-request',
    ]),
    ['{"lenght":32}', 'bad-request'],
    ['{"__proto__":{"length":32}}', 'bad-request'],
    ['{"constructor":1}', 'bad-request'],
    ['{"length":32,"length":32}', 'bad-json'],
    ['[]', 'bad-request'],
    ['null', 'bad-request'],
    ['32', 'bad-request'],
    ['', 'bad-json'],
    ['{"length":', 'bad-json'],
    ['\ufeff{}', 'bad-json'],
  ];
  for (const [body, reason] of cases) {
    t.comment(body);
    isProblem(t, await post(opened, body), 400, reason);
  }
});

t.test('the query is as strict as the body', async (t) => {
  const opened = await openApp(t);
  const cases: [string, string][] = [
    ...['0', '-1', '1.5', '032', '+32', '0x20', '', '8161', '4294967296', 'null', '%2032'].map(
      (length): [string, string] => [`length=${length}`, 'bad-length'],
    ),
    ['version=0', 'bad-version'],
    ['version=01', 'bad-version'],
    ['create=', 'bad-request'],
    ['expect=AAAA', 'bad-request'],
    ['length=32&length=32', 'bad-request'],
    ['Length=32', 'bad-request'],
    ['length=%ff', 'bad-request'],
  ];
  for (const [query, reason] of cases) {
    t.comment(query);
    isProblem(t, await ask(opened, `${PATH}?${query}`), 400, reason);
  }
});

t.test('a body and names in the query together are refused, even when they agree', async (t) => {
  const opened = await openApp(t);
  isProblem(t, await post(opened, { length: 32 }, `${PATH}?length=32`), 400, 'bad-request');
});

t.test('another version, another check value and a key that must be new are refused', async (t) => {
  const opened = await openApp(t, { config: KNOWN_KEK });
  isProblem(t, await post(opened, { version: 2 }), 404, 'no-version');
  isProblem(t, await post(opened, { create: 'must' }), 409, 'data-key-exists');
  const answer = await post(opened, { expect: 'A'.repeat(22) });
  isProblem(t, answer, 412, 'check-mismatch');
  t.notMatch(answer.payload, KEY);
});

t.test('a sealed service says so', async (t) => {
  const sealed = new KeysteadError('sealed', 'the service has no KEK yet', { retryAfter: 4.2 });
  const services = { dataKeys: { get: () => Promise.reject(sealed) } as never };
  const opened = await openApp(t, { services });
  const answer = await post(opened, {});
  isProblem(t, answer, 503, 'sealed');
  t.equal(answer.headers['retry-after'], '5');
});

t.test('an id in the path is the same id as in a body, whatever it is made of', async (t) => {
  const opened = await openApp(t);
  const batch = async (dataKeyId: string) => {
    const answer = await post(opened, { requests: [{ dataKeyId }] }, '/v1/data-keys/-/batch-get');
    return answer.json().results[0];
  };
  const same = async (id: string) => {
    const wanted = await batch(id);
    t.equal(wanted.dataKeyId, id);
    t.strictSame((await ask(opened, `/v1/data-keys/${encodeURIComponent(id)}/get`)).json(), wanted, JSON.stringify(id));
  };
  const dangerous = [
    '-',
    '/',
    '//',
    'a/b',
    '/get',
    '..%2f',
    '%',
    '%25',
    '%2F',
    '%252F',
    '%00',
    '\0',
    ';',
    '?',
    '#',
    '&',
    '+',
    ' ',
    '\\',
    '\n',
    ':id',
    '*',
    'é',
    'e\u0301',
    '\u{1f511}',
    '\ufeff',
    '\ufffd',
    'get',
    '-/batch-get',
    'x'.repeat(4096),
    'é'.repeat(2048),
    '\0'.repeat(4096),
  ];
  for (const id of dangerous) await same(id);
  const anyId = fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }).filter((id) => id !== '.' && id !== '..');
  await fc.assert(fc.asyncProperty(anyId, same));
});

t.test('what is no id is refused', async (t) => {
  const opened = await openApp(t);
  const paths = [
    '',
    'x'.repeat(4097),
    '%C3%A9'.repeat(2049),
    '%',
    '%f',
    '%zz',
    '%ff',
    '%c3',
    '%ed%a0%80',
    '%c0%af',
    '%f5%80%80%80',
    'x'.repeat(12_289),
    '%F0%9F%94%91'.repeat(4097),
  ];
  for (const path of paths) {
    t.comment(path.slice(0, 40));
    isProblem(t, await ask(opened, `/v1/data-keys/${path}/get`), 400, 'bad-id');
  }
});

t.test('the key is disposed when it is out, and so it is when it cannot be encoded', async (t) => {
  const keys: SecretBytes[] = [];
  const get = async () => {
    const key = SecretBytes.copyOf(new Uint8Array(32).fill(7));
    keys.push(key);
    const id = keys.length === 2 ? (1n as never) : 'volume-1';
    return { id, version: 1, key, created: false, source: 'derived' as const };
  };
  const opened = await openApp(t, { services: { dataKeys: { get } as never } });
  t.equal((await post(opened, {})).statusCode, 200);
  t.equal((await post(opened, {})).statusCode, 500);
  t.equal((await ask(opened, PATH, { accept: 'application/octet-stream' })).statusCode, 200);
  t.strictSame(
    keys.map((key) => key.disposed),
    [true, true, true],
  );
});
