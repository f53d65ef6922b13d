import t from 'tap';
import { AUTHORIZATION, isProblem, openApp, withToken } from '../support.ts';

const WRAP = { kms: 'kms://cluster-kms?mode=wrap' };
const URL = '/v1/data-keys/a%2Fb';
const DAY_MS = 86_400_000;

/** An app with one stored data key, and how to use it. */
async function opened(t: Parameters<typeof openApp>[0]) {
  const { app } = await openApp(t, { config: WRAP });
  const get = (payload: object = {}) => app.inject({ method: 'POST', url: `${URL}/get`, payload });
  const remove = (headers: Record<string, string> = {}) => app.inject({ method: 'DELETE', url: URL, headers });
  const describe = () => app.inject(URL);
  const first = (await get()).json();
  return { app, get, remove, describe, first };
}

t.test('a deleted key is nobody’s until it is restored, and then it is what it was', async (t) => {
  const { app, get, remove, describe, first } = await opened(t);
  const etag = String((await describe()).headers['etag']);
  const answer = await remove({ 'if-match': etag });
  t.equal(answer.statusCode, 202);
  t.match(Object.keys(answer.json()), ['dataKeyId', 'state', 'purgeAt', 'etag']);
  t.match(answer.json(), { dataKeyId: 'a/b', state: 'pending-deletion' });
  const left = Date.parse(answer.json().purgeAt) - Date.now();
  t.ok(left > 29 * DAY_MS && left <= 30 * DAY_MS, answer.json().purgeAt);
  t.equal(answer.headers['etag'], `"${answer.json().etag}"`);

  for (const payload of [{}, { version: 1 }, { create: 'never' }]) {
    t.match(isProblem(t, await get(payload), 423, 'pending-deletion'), answer.json().purgeAt);
  }
  isProblem(t, await app.inject({ method: 'POST', url: `${URL}/rotate` }), 423, 'pending-deletion');
  const { state, purgeAt, etag: now } = (await describe()).json();
  t.same({ dataKeyId: 'a/b', state, purgeAt, etag: now }, answer.json(), 'it is described as it is');

  const restored = await app.inject({ method: 'POST', url: `${URL}/restore` });
  t.equal(restored.statusCode, 200);
  t.match(restored.json(), { dataKeyId: 'a/b', state: 'active', version: 1 });
  t.notOk('purgeAt' in restored.json());
  t.not(restored.headers['etag'], etag, 'a request to delete that was repeated finds another etag');
  t.match((await get()).json(), { dataKey: first.dataKey, version: 1, created: false });
});

t.test('nothing is deleted that is not the record which was read', async (t) => {
  const { app, get, remove, describe } = await opened(t);
  const old = String((await describe()).headers['etag']);
  t.match(isProblem(t, await remove(), 400, 'bad-request'), /If-Match/);
  isProblem(t, await remove({ 'if-match': '*' }), 400, 'bad-request');
  isProblem(t, await remove({ 'if-match': old.slice(1, -1) }), 400, 'bad-request');
  isProblem(t, await remove({ 'if-match': `W/${old}` }), 412, 'stale-etag');
  isProblem(t, await remove({ 'if-match': '"another"' }), 412, 'stale-etag');
  await app.inject({ method: 'POST', url: `${URL}/rotate` });
  isProblem(t, await remove({ 'if-match': old }), 412, 'stale-etag');
  t.equal((await get()).statusCode, 200);
  t.equal((await remove({ 'if-match': String((await describe()).headers['etag']) })).statusCode, 202);
});

t.test('callers who delete at once with one etag delete once', async (t) => {
  const { remove, describe } = await opened(t);
  const headers = { 'if-match': String((await describe()).headers['etag']) };
  const answers = await Promise.all([1, 2, 3, 4].map(() => remove(headers)));
  const { purgeAt, etag } = (await describe()).json();
  const done = answers.filter(({ statusCode }) => statusCode === 202);
  t.ok(done.length > 0);
  for (const answer of done) t.match(answer.json(), { purgeAt, etag });
  for (const answer of answers) if (!done.includes(answer)) isProblem(t, answer, 412, 'stale-etag');
});

t.test('a key that is not deleted is restored without a change', async (t) => {
  const { app, describe } = await opened(t);
  const before = await describe();
  const answer = await app.inject({ method: 'POST', url: `${URL}/restore` });
  t.same(answer.json(), before.json());
});

t.test('delete takes no body, needs a stored key of that id, and a caller who may', async (t) => {
  const { app, get } = await opened(t);
  const headers = { 'if-match': '"7"' };
  const withBody = { method: 'DELETE', url: URL, headers, payload: { force: true } } as const;
  isProblem(t, await app.inject(withBody), 400, 'bad-request');
  isProblem(t, await app.inject({ method: 'DELETE', url: '/v1/data-keys/c', headers }), 404, 'no-data-key');
  t.equal((await get()).statusCode, 200);
  const derived = await openApp(t);
  isProblem(t, await derived.app.inject({ method: 'DELETE', url: URL, headers }), 409, 'nothing-stored');
  isProblem(t, await derived.app.inject({ method: 'DELETE', url: URL }), 400, 'bad-request');
  const guarded = await openApp(t, { config: { ...withToken(t), ...WRAP } });
  isProblem(t, await guarded.app.inject({ method: 'DELETE', url: URL, headers }), 401, 'no-credentials');
  const known = { ...headers, ...AUTHORIZATION };
  isProblem(t, await guarded.app.inject({ method: 'DELETE', url: URL, headers: known }), 404, 'no-data-key');
});

t.test('an etag of a store that has quotes in it stands in the header', async (t) => {
  const asked: unknown[] = [];
  const dataKeys = {
    delete: async (id: string, etag: string) => {
      asked.push(etag);
      return { id, state: 'pending-deletion', purgeAt: new Date(0), etag: '"2"' };
    },
  };
  const { app } = await openApp(t, { services: { dataKeys: dataKeys as never } });
  const answer = await app.inject({ method: 'DELETE', url: URL, headers: { 'if-match': '"%221%22"' } });
  t.same(asked, ['"1"']);
  t.equal(answer.headers['etag'], '"%222%22"');
  t.equal(answer.json().etag, '%222%22');
});
