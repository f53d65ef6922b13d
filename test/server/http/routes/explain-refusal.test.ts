import { hash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type ConfigChanges, rememberingAudit } from '../../../support/services.ts';
import { AUTHORIZATION, isProblem, KNOWN_KEK, openApp, withToken } from '../support.ts';

const ALICE = { authorization: 'Bearer kst_alice-alice-alice-alice-alice-alice-al' };
const BOB = { authorization: 'Bearer kst_bob-bob-bob-bob-bob-bob-bob-bob-bob-bo' };
const POLICY = `
version: 1
rules:
  - { name: alice-reads, effect: allow, subjects: [{ names: [alice] }], actions: [data-key.get, data-key.list], resources: ["alice/**"] }
`;

async function opened(t: Test, policy = POLICY, over: ConfigChanges = {}) {
  const dir = t.testdir({});
  const sha256 = ({ authorization }: typeof ALICE) => hash('sha256', authorization.slice('Bearer '.length));
  const tokens = [
    { name: 'alice', sha256: sha256(ALICE) },
    { name: 'bob', sha256: sha256(BOB) },
  ];
  const auth = { version: 1, authenticators: [{ name: 'tokens', kind: 'token', tokens }] };
  writeFileSync(join(dir, 'auth.yaml'), JSON.stringify(auth));
  writeFileSync(join(dir, 'policy.yaml'), policy);
  const audit = rememberingAudit();
  const files = { auth: { file: join(dir, 'auth.yaml') }, policy: { file: join(dir, 'policy.yaml') } };
  const config = { ...KNOWN_KEK, ...withToken(t), ...files, ...over };
  const { app } = await openApp(t, { config, ambient: { audit } });
  const get = (id: string, headers: object) =>
    app.inject({ method: 'POST', url: `/v1/data-keys/${encodeURIComponent(id)}/get`, headers: { ...headers } });
  const explain = (id: string, headers: object = AUTHORIZATION) =>
    app.inject({ url: `/v1/system/refusals/${id}`, headers: { ...headers } });
  return { app, audit, get, explain };
}

const auditIdOf = (answer: { json(): unknown }) =>
  (answer.json() as { instance: string }).instance.split(':').at(-1) as string;

t.test('a policy file rules over every call; a refusal tells an id and nothing else', async (t) => {
  const { get, app } = await opened(t);
  t.equal((await get('alice/1', ALICE)).statusCode, 200);
  const refused = await get('alice/1', BOB);
  const detail = isProblem(t, refused, 403, 'policy');
  t.equal(detail, `data-key.get is not permitted; the audit id is ${auditIdOf(refused)}`);
  isProblem(t, await get('bob/1', ALICE), 403, 'policy');
  const list = (prefix: string) =>
    app.inject({ url: `/v1/data-keys?prefix=${encodeURIComponent(prefix)}`, headers: ALICE });
  isProblem(t, await list('alice'), 403, 'policy');
  t.equal((await list('alice/')).statusCode, 200);
});

t.test('a data key that is there and one that is not are refused alike', async (t) => {
  const { get, app } = await opened(t, POLICY, { kms: `${KNOWN_KEK.kms}&mode=wrap` });
  t.equal((await get('bob/there', AUTHORIZATION)).statusCode, 200);
  const ways = ['get', 'rotate', 'rewrap', 'restore'].map((verb) => ({ method: 'POST' as const, verb: `/${verb}` }));
  for (const { method, verb } of [...ways, { method: 'GET' as const, verb: '' }]) {
    const [there, missing] = await Promise.all(
      ['bob%2Fthere', 'bob%2Fnot'].map((id) =>
        app.inject({ method, url: `/v1/data-keys/${id}${verb}`, headers: ALICE }),
      ),
    );
    const plain = ({ statusCode, payload }: { statusCode: number; payload: string } = { statusCode: 0, payload: '' }) =>
      `${statusCode} ${payload.replaceAll(/[0-9a-f]{32}/g, 'ID')}`;
    t.match(plain(there), /^403 .*is not permitted; the audit id is ID/, `${method} ${verb}`);
    t.equal(plain(there), plain(missing));
  }
});

t.test('an administrator learns who was refused, why, and which rule would help', async (t) => {
  const { get, explain, audit } = await opened(t);
  const auditId = auditIdOf(await get('alice/1', BOB));
  const answer = await explain(auditId);
  t.equal(answer.statusCode, 200);
  t.equal(answer.headers['cache-control'], 'no-store');
  t.match(answer.json(), {
    auditId,
    refusals: [
      {
        principal: { kind: 'token', name: 'bob', groups: [] },
        action: 'data-key.get',
        resource: 'alice/1',
        scope: 'id',
        listener: 'http',
        length: 32,
        rule: 'default-deny',
        rules: 1,
        tried: [
          { rule: 'alice-reads', effect: 'allow', failed: 'subjects', why: 'the name "bob" does not match "alice"' },
        ],
        smallestRule: /names: \["bob"\]/,
        original: true,
      },
    ],
  });
  t.match(audit.events.at(-1), {
    action: 'policy.explain',
    resource: auditId,
    outcome: 'ok',
    principal: { name: 'admin' },
  });
});

t.test('the advised rule, pasted into the policy file, allows what was refused', async (t) => {
  const before = await opened(t);
  const { refusals } = (await before.explain(auditIdOf(await before.get('alice/1', BOB)))).json() as {
    refusals: { smallestRule: string }[];
  };
  const after = await opened(t, `${POLICY}${refusals[0]?.smallestRule.replace(/^/gm, '  ')}`);
  t.equal((await after.get('alice/1', BOB)).statusCode, 200);
  t.equal((await after.get('alice/2', BOB)).statusCode, 403);
});

t.test('nobody else may ask, and what is not known is not there', async (t) => {
  const { get, explain } = await opened(t);
  const auditId = auditIdOf(await get('alice/1', BOB));
  isProblem(t, await explain(auditId, BOB), 403, 'policy');
  isProblem(t, await explain(auditId, {}), 401, 'no-credentials');
  isProblem(t, await explain('0'.repeat(32)), 404, 'no-refusal');
  isProblem(t, await explain('nonsense'), 400, 'bad-request');
});

t.test('refusals of one batch share an audit id and are all told', async (t) => {
  const { app, explain } = await opened(t);
  const requests = ['alice/1', 'bob/1', 'bob/2'].map((dataKeyId) => ({ dataKeyId }));
  const headers = { ...ALICE, traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };
  await app.inject({ method: 'POST', url: '/v1/data-keys/-/batch-get', headers, payload: { requests } });
  const { refusals } = (await explain('a'.repeat(32))).json() as { refusals: { resource: string }[] };
  t.same(refusals.map(({ resource }) => resource).sort(), ['bob/1', 'bob/2']);
});

t.test('the status tells of the policy, to anybody, without what stands in it', async (t) => {
  const { app } = await opened(t);
  const { policy } = (await app.inject('/v1/system/status')).json() as { policy: object };
  t.same(Object.keys(policy), ['rules', 'loadedAt', 'sha256']);
  t.match(policy, { rules: 1, sha256: hash('sha256', POLICY) });
  const { app: without } = await openApp(t);
  t.equal(((await without.inject('/v1/system/status')).json() as { policy?: object }).policy, undefined);
});
