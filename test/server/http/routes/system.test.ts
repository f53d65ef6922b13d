import { hash } from 'node:crypto';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type ConfigChanges, rememberingAudit } from '../../../support/services.ts';
import { AUTHORIZATION, isProblem, type Opened, openApp, TOKEN, withToken } from '../support.ts';

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
    [{ generate: false }, 'bad-request', /generate can only be true/],
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

/** An app that knows the administrator and a token `watcher`, whom the policy lets look. */
async function watched(t: Test, limits: ConfigChanges['limits'] = {}) {
  const auth = {
    version: 1,
    authenticators: [
      { name: 'ops', kind: 'token', tokens: [{ name: 'watcher', sha256: hash('sha256', 'kst_watcher') }] },
      { name: 'drivers', kind: 'anonymous', listeners: ['http'] },
    ],
  };
  const rule = { effect: 'allow', actions: ['system.inspect'], resources: ['kms://*'] };
  const subjects = [{ kind: 'token', names: ['watcher'] }, { kind: 'anonymous' }];
  const policy = { version: 1, rules: [{ name: 'look', ...rule, subjects, conditions: { listeners: ['http'] } }] };
  const dir = t.testdir({ auth: JSON.stringify(auth), policy: JSON.stringify(policy) });
  const audit = rememberingAudit();
  const files = { auth: { file: join(dir, 'auth') }, policy: { file: join(dir, 'policy') } };
  const { app } = await openApp(t, { config: { ...withToken(t), ...files, limits }, ambient: { audit } });
  const status = async (token?: string) => {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const answer = await app.inject({ method: 'GET', url: '/v1/system/status', headers });
    t.equal(answer.statusCode, 200);
    return answer.json();
  };
  return { status, audit };
}

t.test('who is let in is told to administrators, to whom a rule allows it, and to nobody else', async (t) => {
  const { status, audit } = await watched(t);
  const callers = {
    adminToken: true,
    authenticators: [
      { name: 'ops', kind: 'token', tokens: 1 },
      { name: 'drivers', kind: 'anonymous', listeners: ['http'] },
    ],
  };
  t.strictSame((await status(TOKEN)).callers, callers);
  t.strictSame((await status('kst_watcher')).callers, callers);
  t.notOk('callers' in (await status()), 'no rule opens it to those who show nothing');
  t.same(audit.events, []);
  const refused = await status('kst_guess');
  t.notOk('callers' in refused);
  t.match(refused, { auth: { authenticators: 2 } });
  t.match(audit.events, [{ action: 'system.authenticate', outcome: 'denied', reason: 'bad-credentials' }]);
});

t.test('tokens guessed at the status lock their source out, and the status goes on', async (t) => {
  const { status } = await watched(t, { failedLogins: 2 });
  await status('kst_guess-1');
  await status('kst_guess-2');
  t.notOk('callers' in (await status(TOKEN)), 'not even a good one is looked at');
});

t.test('beyond the limit of a source the status goes on, and looks at no credentials', async (t) => {
  const { status, audit } = await watched(t, { requestsPerSource: 1, failedLogins: 0 });
  t.ok('callers' in (await status(TOKEN)));
  t.notOk('callers' in (await status('kst_guess')));
  t.same(audit.events, []);
});
