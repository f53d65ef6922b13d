import t from 'tap';
import { ADMIN, escaped, openHouse, plain } from './support/house.ts';

t.setTimeout(400_000);

/**
 * Ids that look like a tenant's own and are not, and paths that try to leave the tenant's prefix: each id is the bytes
 * that it decodes to, once, and nobody's but by those bytes.
 */

const house = await openHouse(t);
const [a, b, ab] = await Promise.all([house.tenant('team-a'), house.tenant('team-b'), house.tenant('team-ab')]);
const KEYS: Record<string, string> = {};

t.before(async () => {
  for (const [id, token] of Object.entries({ 'team-a/disk': a, 'team-b/disk': b, 'team-ab/disk': ab })) {
    const answer = await house.ask(`/v1/data-keys/${escaped(id)}/get`, { token });
    KEYS[id] = String(answer.json()['dataKey']);
  }
});

/** Ids that are nobody's, or another tenant's: to be had by neither a nor, of a's own, by anybody else. */
const FOREIGN: readonly string[] = [
  'team-b/disk',
  'team-b%2fdisk',
  'team-b%252fdisk',
  'team-ab/disk',
  'team-a',
  'team-a%2fdisk',
  'team-a\\disk',
  '/team-a/disk',
  '//team-a/disk',
  './team-a/disk',
  '../team-a/disk',
  ' team-a/disk',
  'Team-a/disk',
  'TEAM-A/disk',
  'team-a\u0000/disk',
  '\u0000team-a/disk',
  'team-b/../team-a/disk',
  'team-b/disk\u0000team-a/disk',
  // Look-alikes: full width, other slashes, hyphens, a soft hyphen, a joiner, Cyrillic, combining and case-folding forms.
  'ｔeam-a/disk',
  'team-a\uff0fdisk',
  'team-a\u2215disk',
  'team-a\u2044disk',
  'team\u2010a/disk',
  'team\u00ad-a/disk',
  'te\u200dam-a/disk',
  '\ufeffteam-a/disk',
  'team-\u0430/disk',
  'team-a\u0338/disk',
  '\u202eteam-a/disk',
  'team-ª/disk',
];

/** Ids below a's own prefix, however they look. */
const OWN: readonly string[] = [
  'team-a/../team-b/disk',
  'team-a/..',
  'team-a//',
  'team-a/',
  'team-a/./disk',
  'team-a/disk/',
  'team-a/disk.',
  'team-a/disk ',
  'team-a/disk\u0000',
  'team-a/%2e%2e/team-b/disk',
  'team-a/é',
  'team-a/e\u0301',
  'team-a/\u212b',
  'team-a/\u00c5',
  'team-a/Disk',
];

t.test('what only looks like an own id is refused as what nobody has', async (t) => {
  for (const id of FOREIGN) {
    const shown = JSON.stringify(id);
    const path = escaped(id);
    const get = await house.ask(`/v1/data-keys/${path}/get`, { token: a });
    t.match([get.status, get.json()], [403, { reason: 'policy' }], `get ${shown}`);
    const { status, key } = await house.grpc(id, a);
    t.match([status, key], [7, undefined], `gRPC ${shown}`);
    const describe = await house.ask(`/v1/data-keys/${path}`, { method: 'GET', token: a });
    t.equal(describe.status, 403, `describe ${shown}`);
    const gone = await house.ask(`/v1/data-keys/${path}`, { method: 'DELETE', token: a, headers: ['If-Match: "1"'] });
    t.equal(gone.status, 403, `delete ${shown}`);
  }
  const requests = FOREIGN.map((dataKeyId) => ({ dataKeyId }));
  const batch = await house.ask('/v1/data-keys/-/batch-get', { token: a, body: JSON.stringify({ requests }) });
  const { results } = batch.json() as { results: { problem?: { reason: string } }[] };
  t.equal(results.length, FOREIGN.length);
  t.ok(
    results.every(({ problem }) => problem?.reason === 'policy'),
    'nothing in a batch',
  );
});

t.test('a list reaches no further than the own prefix', async (t) => {
  const prefixes = ['', 'team-a', 'team-', 't', 'team-ab/', 'team-b/', 'Team-a/', 'team-a\u0000/', '/team-a/', '**'];
  for (const prefix of [...prefixes, '{{namespace}}/', 'team-a%2f', 'team-a\uff0f']) {
    const answer = await house.ask(`/v1/data-keys?prefix=${escaped(prefix)}`, { method: 'GET', token: a });
    t.match([answer.status, answer.json()], [403, { reason: 'policy' }], `prefix ${JSON.stringify(prefix)}`);
  }
  const own = await house.ask('/v1/data-keys?prefix=team-a/', { method: 'GET', token: a });
  t.match(own.json(), { dataKeys: [{ dataKeyId: 'team-a/disk' }] });
  t.notMatch(own.body, 'team-ab/');
  for (const query of ['prefix=team-a/&prefix=team-b/', 'prefix=team-a/&PREFIX=team-b/', 'prefix[]=team-b/']) {
    t.equal((await house.ask(`/v1/data-keys?${query}`, { method: 'GET', token: a })).status, 400, query);
  }
  const folded = await house.ask('/v1/data-keys?prefix=team-a/;prefix=team-b/', { method: 'GET', token: a });
  t.match([folded.status, folded.json()], [200, { dataKeys: [] }], 'one prefix, with a semicolon in it');
});

t.test('an own id may look like a way out, and is a key of its own', async (t) => {
  const seen = new Map(Object.entries(KEYS).map(([id, key]) => [key, id]));
  for (const id of OWN) {
    const answer = await house.ask(`/v1/data-keys/${escaped(id)}/get`, { token: a });
    t.match([answer.status, answer.json()], [200, { dataKeyId: id }], JSON.stringify(id));
    const key = String(answer.json()['dataKey']);
    t.equal(seen.get(key), undefined, `the key of ${JSON.stringify(id)} is no other one's`);
    seen.set(key, id);
    t.equal((await house.grpc(id, a)).key?.toString('base64'), key, 'and the same over gRPC');
    t.equal((await house.grpc(id, b)).status, 7, 'and nobody else gets it');
    await house.service.until(() =>
      house.service.audit.find((line) => line['resource'] === id && line['outcome'] === 'ok'),
    );
  }
});

t.test('a path is decoded once, and in one way', async (t) => {
  const get = (path: string, token = a) => house.ask(path, { token });
  const idOf = async (path: string) => (await get(path)).json()['dataKeyId'];
  t.equal(await idOf('/v1/data-keys/team-a%2Fdisk/get'), 'team-a/disk');
  t.equal(await idOf('/v1/data-keys/team-a%2fdisk/get'), 'team-a/disk', 'mixed case of the escape');
  t.equal(await idOf('/v1/data-keys/%74%65%61%6D-a%2fdisk/get'), 'team-a/disk', 'letters that need no escape');
  t.equal(await idOf('/v1/data-keys/team-a%2F%252e%252e%252Fteam-b/get'), 'team-a/%2e%2e%2Fteam-b');
  t.equal(await idOf('/v1/data-keys/team-a%2F%25252e/get'), 'team-a/%252e');
  t.equal(await idOf('/v1/data-keys/team-a%2F;x=1/get'), 'team-a/;x=1', 'no parameters of a segment');
  t.equal(await idOf('/v1/data-keys/team-a%2F+/get'), 'team-a/+', 'a plus is a plus');
  const none = [
    '/v1/data-keys/team-a/disk/get',
    '/v1/data-keys/team-a%2Fdisk/../../team-b%2Fdisk/get',
    '/v1/data-keys/../data-keys/team-a%2Fdisk/get',
    '/v1/./data-keys/team-a%2Fdisk/get',
    '//v1/data-keys/team-a%2Fdisk/get',
    '/v1//data-keys/team-a%2Fdisk/get',
    '/V1/data-keys/team-a%2Fdisk/get',
    '/v1/data-keys/team-a%2Fdisk/get/',
    '/v1/data-keys/team-a%2Fdisk/get.',
    '/v1/data-keys/team-a%2Fdisk/GET',
    '/v1/data-keys/team-a%2Fdisk%2Fget',
    '/v1\\data-keys\\team-a%2Fdisk\\get',
    '/v1/data-keys/team-a%2Fdisk/get;x',
    '/v1%2Fdata-keys/team-a%2Fdisk/get',
  ];
  for (const path of none) t.match([(await get(path)).status], [/^40[045]$/], path);
  const malformed = [
    '%',
    '%2x',
    '%zz',
    '%c0%af',
    '%c1%9c',
    '%e0%80%af',
    '%f0%80%80%af',
    '%ff',
    '%ed%a0%80',
    '%f4%90%80%80',
  ];
  for (const bytes of malformed) {
    for (const path of [`team-a%2F${bytes}`, `team-a${bytes}disk`, `${bytes}team-a%2Fdisk`]) {
      t.match([(await get(`/v1/data-keys/${path}/get`)).status], [400], path);
    }
  }
  const overlong = Buffer.from([...Buffer.from('team-a'), 0xc0, 0xaf, ...Buffer.from('disk')]);
  t.not((await house.grpc(overlong, a)).status, 0, 'nor over gRPC');
});

t.test('what stands before the path, or beside it, changes nothing', async (t) => {
  const forbidden = await house.ask('/v1/data-keys/team-b%2Fdisk/get', { token: a });
  const tricks: readonly (readonly string[])[] = [
    ['X-Original-URL: /v1/data-keys/team-a%2Fdisk/get'],
    ['X-Rewrite-URL: /v1/data-keys/team-a%2Fdisk/get'],
    ['X-Forwarded-Path: /v1/data-keys/team-a%2Fdisk/get', 'X-Forwarded-Prefix: /v1'],
    ['X-Forwarded-For: 127.0.0.1', 'X-Real-IP: 127.0.0.1', 'Forwarded: for=127.0.0.1;host=localhost'],
    ['X-Forwarded-User: admin', 'X-Remote-User: admin', 'Impersonate-User: system:admin'],
    ['X-Forwarded-Client-Cert: By=spiffe://x;URI=spiffe://example.org/admin', 'X-SSL-Client-Verify: SUCCESS'],
    ['X-HTTP-Method-Override: GET', 'X-Method-Override: DELETE'],
    ['Connection: close, authorization, host, content-length', 'Keep-Alive: timeout=1'],
    ['Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'],
    ['X-Namespace: team-b', 'X-Tenant: team-b', 'Keystead-Namespace: team-b'],
  ];
  for (const headers of tricks) {
    const answer = await house.ask('/v1/data-keys/team-b%2Fdisk/get', { token: a, headers });
    t.equal(plain(answer), plain(forbidden), headers.join());
    const own = await house.ask('/v1/data-keys/team-a%2Fdisk/get', { token: a, headers });
    t.equal(own.json()['dataKey'], KEYS['team-a/disk'], headers.join());
  }
  const absolute = await house.ask('http://localhost/v1/data-keys/team-b%2Fdisk/get', { token: a });
  t.equal(plain(absolute), plain(forbidden), 'a whole URL');
  for (const target of [
    'http://team-a@localhost/v1/data-keys/x/get',
    'http://evil/v1/data-keys/team-a%2Fdisk/get',
    '*',
  ]) {
    t.equal((await house.ask(target, { token: a })).status, 400, target);
  }
  const { audit } = house.service;
  t.ok(audit.every(({ source }) => source === '127.0.0.1'));
  t.ok(
    audit
      .filter(({ outcome }) => outcome === 'ok')
      .every(({ principal }) => JSON.stringify(principal).includes('team-')),
  );
  const gone = await house.ask('/v1/data-keys/team-b%2Fdisk', { method: 'GET', token: ADMIN });
  t.equal(gone.status, 200, 'and what b has is still there');
});
