import t from 'tap';
import { AUTHORIZATION, isProblem, type Opened, openApp, withToken } from '../support.ts';

const MASTER_SECRET = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=';
const SALT = 'ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=';
const FINGERPRINT = 'ba88b0304f8174fe483abf58d37325dd';

const post = ({ app }: Opened, payload: object) =>
  app.inject({ method: 'POST', url: '/v1/system/bootstrap', payload, headers: AUTHORIZATION });

t.test('a sealed service gets its KEK once, and takes the same one again', async (t) => {
  const opened = await openApp(t, { config: withToken(t) });
  const status = async () => (await opened.app.inject('/v1/system/status')).json();
  t.match(await status(), { state: 'sealed', reason: String, kek: undefined });
  isProblem(t, await opened.app.inject('/readyz'), 503, 'sealed');
  isProblem(
    t,
    await opened.app.inject({ method: 'POST', url: '/v1/data-keys/a/get', headers: AUTHORIZATION }),
    503,
    'sealed',
  );

  const wanted = { kek: { version: 1, fingerprint: FINGERPRINT } };
  for (const body of [
    { masterSecret: MASTER_SECRET, salt: SALT },
    { masterSecret: MASTER_SECRET.replace('=', ''), salt: Buffer.from(SALT, 'base64').toString('base64url') },
  ]) {
    const answer = await post(opened, body);
    t.equal(answer.statusCode, 200);
    t.strictSame(answer.json(), wanted);
  }
  t.match(await status(), { state: 'ready', reason: undefined, ...wanted });
  t.strictSame((await opened.app.inject('/readyz')).json(), { status: 'ready' });

  t.match(isProblem(t, await post(opened, { generate: true }), 409, 'kek-exists'), FINGERPRINT);
  isProblem(t, await post(opened, { masterSecret: SALT, salt: SALT }), 409, 'kek-exists');
  t.match(await status(), wanted);
});

t.test('a KEK is generated on request', async (t) => {
  const opened = await openApp(t, { config: withToken(t) });
  t.match((await post(opened, { generate: true })).json(), { kek: { version: 1, fingerprint: /^[0-9a-f]{32}$/ } });
});

t.test('a bad secret is refused with what is wrong, and is never quoted', async (t) => {
  const opened = await openApp(t, { config: withToken(t) });
  const short = Buffer.alloc(15, 'S').toString('base64');
  const cases: [object, string, RegExp][] = [
    [{ masterSecret: short, salt: SALT }, 'bad-master-secret', /masterSecret is 15 bytes long, at least 16/],
    [
      { masterSecret: MASTER_SECRET, salt: Buffer.alloc(31).toString('base64') },
      'bad-salt',
      /salt is 31 bytes long, at least 32/,
    ],
    [{ masterSecret: '', salt: SALT }, 'bad-master-secret', /masterSecret is 0 bytes long/],
    [{ masterSecret: 'U1NT U1NT', salt: SALT }, 'bad-master-secret', /not base64/],
    [{ masterSecret: 12, salt: SALT }, 'bad-master-secret', /string of base64/],
    [{ masterSecret: MASTER_SECRET }, 'bad-request', /salt/],
    [{ masterSecret: MASTER_SECRET, salt: SALT, generate: true }, 'bad-request', /unknown member "masterSecret"/],
    [{ generate: false }, 'bad-request', /generate/],
    [{}, 'bad-request', /masterSecret/],
    [[], 'bad-request', /object/],
  ];
  for (const [body, reason, detail] of cases) {
    t.comment(JSON.stringify(body));
    const answer = await post(opened, body);
    t.match(isProblem(t, answer, 400, reason), detail);
    t.notMatch(answer.payload, /U1NT|SSS/);
  }
  t.match((await opened.app.inject('/v1/system/status')).json(), { state: 'sealed' });
});

t.test('only a caller with credentials may bootstrap', async (t) => {
  const { app } = await openApp(t, { config: withToken(t) });
  isProblem(
    t,
    await app.inject({ method: 'POST', url: '/v1/system/bootstrap', payload: { generate: true } }),
    401,
    'no-credentials',
  );
  t.match((await app.inject('/v1/system/status')).json(), { state: 'sealed' });
});

t.test('a service that has lost what it needs is not ready, and lives', async (t) => {
  const status = async () => ({ state: 'not-ready', reason: 'the store cannot be reached' });
  const { app } = await openApp(t, { services: { system: { status } as never } });
  t.equal(isProblem(t, await app.inject('/readyz'), 503, 'not-ready'), 'the store cannot be reached');
  const live = await app.inject('/livez');
  t.equal(live.statusCode, 200);
  t.strictSame(live.json(), { status: 'live' });
});
