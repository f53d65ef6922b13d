import fc from 'fast-check';
import t, { type Test } from 'tap';
import { holds } from '../support/property.ts';
import { type Answer, escaped, openHouse, plain } from './support/house.ts';

t.setTimeout(400_000);

/**
 * What a tenant could learn of another's ids: whether they are there, how long their keys are, which state and which
 * etag they have. Every call on them is answered in the same bytes as a call on an id that nobody ever had.
 */

const house = await openHouse(t);
const [a, b] = await Promise.all([house.tenant('team-a'), house.tenant('team-b')]);
const pathOf = (id: string) => `/v1/data-keys/${escaped(id)}`;

/** What b has: a key, a long one, one with two versions, a deleted one. The others are not there. */
const THERE = { active: 'team-b/active', long: 'team-b/longer', twice: 'team-b/twiced', deleted: 'team-b/delete' };
const MISSING = 'team-b/absent';
let known = { check: '', etag: '' };

t.before(async () => {
  const get = (id: string, length = 32) => house.ask(`${pathOf(id)}/get?length=${length}`, { token: b });
  await get(THERE.long, 64);
  await get(THERE.twice);
  await house.ask(`${pathOf(THERE.twice)}/rotate`, { token: b });
  await get(THERE.deleted);
  const { headers } = await house.ask(pathOf(THERE.deleted), { method: 'GET', token: b });
  await house.ask(pathOf(THERE.deleted), { method: 'DELETE', token: b, headers: [`If-Match: ${headers['etag']}`] });
  const check = String((await get(THERE.active)).json()['check']);
  const etag = (await house.ask(pathOf(THERE.active), { method: 'GET', token: b })).headers['etag'] ?? '';
  known = { check, etag };
  // That there is something to tell apart, for whom it may be.
  t.equal((await get(THERE.deleted)).status, 423);
  t.equal((await get(THERE.long)).json()['reason'], 'length-mismatch');
});

type Call = (id: string) => Promise<Answer>;
const body = (id: string, options: object) =>
  house.ask(`${pathOf(id)}/get`, { token: a, body: JSON.stringify(options) });
const CALLS: Record<string, Call> = {
  get: (id) => house.ask(`${pathOf(id)}/get`, { token: a }),
  'get of 64 bytes': (id) => body(id, { length: 64 }),
  'get never': (id) => body(id, { create: 'never' }),
  'get must': (id) => body(id, { create: 'must' }),
  'get version 1': (id) => body(id, { version: 1 }),
  'get version 2': (id) => body(id, { version: 2 }),
  'get with the right check value': (id) => body(id, { expect: known.check }),
  'get with another check value': (id) => body(id, { expect: Buffer.alloc(16).toString('base64') }),
  'get must, with a check value': (id) => body(id, { create: 'must', expect: known.check }),
  'get raw': (id) => house.ask(`${pathOf(id)}/get`, { token: a, headers: ['Accept: application/octet-stream'] }),
  describe: (id) => house.ask(pathOf(id), { method: 'GET', token: a }),
  'describe by HEAD': (id) => house.ask(pathOf(id), { method: 'HEAD', token: a }),
  'delete without etag': (id) => house.ask(pathOf(id), { method: 'DELETE', token: a }),
  'delete with the etag': (id) =>
    house.ask(pathOf(id), { method: 'DELETE', token: a, headers: [`If-Match: ${known.etag}`] }),
  'delete with another etag': (id) => house.ask(pathOf(id), { method: 'DELETE', token: a, headers: ['If-Match: "0"'] }),
  restore: (id) => house.ask(`${pathOf(id)}/restore`, { token: a }),
  rotate: (id) => house.ask(`${pathOf(id)}/rotate`, { token: a }),
  rewrap: (id) => house.ask(`${pathOf(id)}/rewrap`, { token: a }),
};

async function allAlike(t: Test, call: Call, what: string): Promise<void> {
  const missing = plain(await call(MISSING));
  t.notMatch(missing, /"dataKey"|^\[20/, `${what}: nothing is given`);
  for (const id of Object.values(THERE)) t.equal(plain(await call(id)), missing, `${what} of ${id}`);
}

t.test('every call on a foreign id is answered alike, whether the id is there or not', async (t) => {
  for (const [what, call] of Object.entries(CALLS)) await allAlike(t, call, what);
});

t.test('and in a batch, and over gRPC', async (t) => {
  const variants = [
    {},
    { length: 64 },
    { create: 'must' },
    { create: 'never' },
    { version: 2 },
    { expect: known.check },
  ];
  for (const options of variants) {
    const requests = [MISSING, ...Object.values(THERE)].map((dataKeyId) => ({ dataKeyId, ...options }));
    const answer = await house.ask('/v1/data-keys/-/batch-get', { token: a, body: JSON.stringify({ requests }) });
    const { results } = answer.json() as { results: unknown[] };
    t.equal(new Set(results.map((result) => JSON.stringify(result))).size, 1, JSON.stringify(options));
    t.match(results[0], { problem: { reason: 'policy' } });
  }
  const answers = await Promise.all([MISSING, ...Object.values(THERE)].map((id) => house.grpc(id, a)));
  const texts = answers.map(
    ({ status, message, key }) => `${status} ${message.replaceAll(/[0-9a-f]{32}/g, 'ID')} ${key}`,
  );
  t.equal(new Set(texts).size, 1, String(texts[0]));
});

t.test('nothing of it has changed what b has', async (t) => {
  const get = (id: string, length: number) => house.ask(`${pathOf(id)}/get?length=${length}`, { token: b });
  t.match((await get(THERE.active, 32)).json(), { version: 1, created: false, check: known.check });
  t.match((await get(THERE.twice, 32)).json(), { version: 2, created: false });
  t.equal((await get(THERE.deleted, 32)).status, 423);
  const absent = await house.ask(`${pathOf(MISSING)}/get`, { token: b, body: '{"create":"never"}' });
  t.equal(absent.status, 404, 'and made nothing');
});

t.test('a refusal names an id of the trail, and nothing of rules, names or lengths', async (t) => {
  const answer = await house.ask(`${pathOf(THERE.active)}/get`, { token: a });
  const { detail, instance } = answer.json() as { detail: string; instance: string };
  t.match(detail, /^data-key\.get is not permitted; the audit id is [0-9a-f]{32}$/);
  t.match(instance, /^urn:keystead:audit:[0-9a-f]{32}$/);
  const why = await house.ask(`/v1/system/refusals/${instance.split(':').at(-1)}`, { method: 'GET', token: a });
  const other = await house.ask(`/v1/system/refusals/${'1'.repeat(32)}`, { method: 'GET', token: a });
  t.equal(why.status, 403, 'only administrators are told');
  t.equal(plain(why), plain(other), 'and nobody learns whether there was a refusal');
});

t.test('a page token is good for whom it was given to, and for the prefix it was given for', async (t) => {
  for (const id of ['team-b/page-1', 'team-b/page-2']) await house.ask(`${pathOf(id)}/get`, { token: b });
  await house.ask(`${pathOf('team-a/page-1')}/get`, { token: a });
  await house.ask(`${pathOf('team-a/page-2')}/get`, { token: a });
  const page = (prefix: string, token: string, more: string) =>
    house.ask(`/v1/data-keys?prefix=${escaped(prefix)}&page_size=1${more}`, { method: 'GET', token });
  const [first, own] = await Promise.all([page('team-b/', b, ''), page('team-a/', a, '')]);
  const theirs = String(first.json()['nextPageToken']);
  const mine = String(own.json()['nextPageToken']);
  const noise = Buffer.from(theirs, 'base64url').fill(7, 1, 17).toString('base64url');
  const refused = await Promise.all([theirs, noise].map((token) => page('team-a/', a, `&page_token=${token}`)));
  t.match(
    refused.map(({ status, json }) => [status, json()['reason']]),
    [
      [404, 'no-page'],
      [404, 'no-page'],
    ],
  );
  t.equal(plain(refused[0] as Answer), plain(refused[1] as Answer), "another's token is noise");
  for (const token of [theirs, mine, noise]) {
    const { status, json } = await page('team-b/', a, `&page_token=${token}`);
    t.match([status, json()['reason']], [403, 'policy'], 'the prefix is refused first');
  }
  const neighbour = await house.tenant('team-a', 'other');
  t.equal(
    (await page('team-a/', neighbour, `&page_token=${mine}`)).status,
    404,
    'nor for another account of the tenant',
  );
  const second = await page('team-a/', a, `&page_token=${mine}`);
  t.match(second.json(), { dataKeys: [{ dataKeyId: 'team-a/page-2' }] });
  t.notMatch(first.body + second.body, /team-a\/page.*team-b/s);
});

t.test('whatever a tenant asks for, its own ids and no others are answered', async (t) => {
  const part = fc.constantFrom(
    'team-a',
    'team-b',
    '/',
    '..',
    '.',
    '%2f',
    '\\',
    '\0',
    'é',
    'e\u0301',
    '*',
    '{{namespace}}',
    ' ',
  );
  const id = fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''));
  await holds(
    t,
    fc.asyncProperty(id, async (id) => {
      const [{ status, json }, grpc] = await Promise.all([
        house.ask(`${pathOf(id)}/get`, { token: a }),
        house.grpc(id, a),
      ]);
      const isOwn = id.startsWith('team-a/');
      return isOwn
        ? status === 200 && json()['dataKeyId'] === id && grpc.status === 0
        : status === 403 && grpc.status === 7;
    }),
    { numRuns: 60 },
  );
});
