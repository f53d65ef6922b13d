import fc from 'fast-check';
import type { FastifyInstance } from 'fastify';
import t from 'tap';
import { holds } from '../../../support/property.ts';
import { AUTHORIZATION, isProblem, openApp, withToken } from '../support.ts';

const WRAP = { kms: 'kms://cluster-kms?mode=wrap' };

async function key(app: FastifyInstance, id: string, options: object = {}): Promise<string> {
  const payload = { create: 'never', ...options };
  const answer = await app.inject({ method: 'POST', url: `/v1/data-keys/${encodeURIComponent(id)}/get`, payload });
  return answer.json().dataKey ?? answer.json().reason;
}

t.test('each version that rotate answers with opens a key of its own, and old ones open the old keys', async (t) => {
  const { app } = await openApp(t, { config: WRAP });
  let n = 0;
  await holds(
    t,
    fc.asyncProperty(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 4 }), async (length, times) => {
      const id = `volume/${n++}`;
      const keys = [await key(app, id, { length, create: 'must' })];
      for (let time = 0; time < times; time++) {
        const url = `/v1/data-keys/${encodeURIComponent(id)}/rotate`;
        const { version } = (await app.inject({ method: 'POST', url })).json();
        if (version !== keys.length + 1) return false;
        keys.push(await key(app, id, { length, version }));
      }
      const again = await Promise.all(keys.map((_, n) => key(app, id, { length, version: n + 1 })));
      const newest = await key(app, id, { length });
      // Two keys of a few bytes may be the same by chance.
      const own = length < 8 || new Set(keys).size === keys.length;
      return own && newest === keys.at(-1) && again.every((text, n) => text === keys[n]);
    }),
    { numRuns: 10 },
  );
});

t.test('rotate answers with what is known of the key then', async (t) => {
  const { app } = await openApp(t, { config: WRAP });
  await key(app, 'a', { length: 48, create: 'must' });
  const before = (await app.inject('/v1/data-keys/a')).headers['etag'];
  const answer = await app.inject({ method: 'POST', url: '/v1/data-keys/a/rotate', payload: {} });
  t.equal(answer.statusCode, 200);
  t.match(answer.json(), { dataKeyId: 'a', version: 2, source: 'stored', state: 'active', length: 48 });
  t.notOk('dataKey' in answer.json());
  t.equal(answer.headers['etag'], `"${answer.json().etag}"`);
  t.not(answer.headers['etag'], before);
  t.same((await app.inject('/v1/data-keys/a')).json(), answer.json());
});

t.test('rewrap changes nothing of a key that is under the newest KEK version', async (t) => {
  const { app } = await openApp(t, { config: WRAP });
  const first = await key(app, 'a', { create: 'must' });
  const before = await app.inject('/v1/data-keys/a');
  const answer = await app.inject({ method: 'POST', url: '/v1/data-keys/a/rewrap' });
  t.equal(answer.statusCode, 200);
  t.same(answer.json(), { ...before.json(), rewrapped: 0 });
  t.equal(answer.headers['etag'], before.headers['etag']);
  t.equal(await key(app, 'a'), first);
});

for (const name of ['rotate', 'rewrap', 'restore']) {
  const url = `/v1/data-keys/a/${name}`;
  t.test(`${name} takes no options`, async (t) => {
    const { app } = await openApp(t, { config: WRAP });
    await key(app, 'a', { create: 'must' });
    t.equal((await app.inject({ method: 'POST', url, payload: {} })).statusCode, 200);
    for (const payload of [{ length: 32 }, [], [{}]]) {
      isProblem(t, await app.inject({ method: 'POST', url, payload }), 400, 'bad-request');
    }
    const headers = { 'content-type': 'application/json' };
    for (const payload of ['null', '1', '"x"']) {
      t.equal((await app.inject({ method: 'POST', url, payload, headers })).statusCode, 400, payload);
    }
    isProblem(t, await app.inject({ method: 'POST', url, payload: '{', headers }), 400, 'bad-json');
    isProblem(t, await app.inject({ method: 'POST', url: `${url}?force=true` }), 400, 'bad-request');
    const text = { 'content-type': 'text/plain' };
    isProblem(t, await app.inject({ method: 'POST', url, payload: 'x', headers: text }), 415, 'unsupported-media-type');
    t.equal((await app.inject('/v1/data-keys/a')).json().version, name === 'rotate' ? 2 : 1);
  });

  t.test(`${name} needs a stored key of that id, and a caller who may`, async (t) => {
    const { app } = await openApp(t, { config: WRAP });
    isProblem(t, await app.inject({ method: 'POST', url }), 404, 'no-data-key');
    isProblem(t, await app.inject({ method: 'POST', url: `/v1/data-keys/%ff/${name}` }), 400, 'bad-id');
    const derived = await openApp(t);
    isProblem(t, await derived.app.inject({ method: 'POST', url }), 409, 'nothing-stored');
    const guarded = await openApp(t, { config: { ...withToken(t), ...WRAP } });
    isProblem(t, await guarded.app.inject({ method: 'POST', url }), 401, 'no-credentials');
    const known = await guarded.app.inject({ method: 'POST', url, headers: AUTHORIZATION });
    t.match(known.json().reason, /^(?:sealed|no-data-key)$/);
  });
}
