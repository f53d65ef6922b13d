import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { emulators } from '../support/emulators.ts';
import { testServices } from '../support/services.ts';

const REFUSED = { name: 'KeysteadError', reason: 'bad-credentials' } as const;

/** A token of an issuer of the OIDC server. */
async function tokenOf(url: string, issuer: string, fields: Record<string, string>): Promise<string> {
  const credentials = { grant_type: 'client_credentials', client_id: 'alice', client_secret: 'any' };
  const body = new URLSearchParams({ ...credentials, ...fields });
  const answer = await fetch(`${url}/${issuer}/token`, { method: 'POST', body });
  return ((await answer.json()) as { access_token: string }).access_token;
}

/** A service that knows three issuers of the server. */
async function scene(t: Test) {
  const env = await emulators(t, ['oidc']);
  if (env === undefined) return undefined;
  const { OIDC_URL: url = '', NODE_EXTRA_CA_CERTS: caFile } = env;
  const file = join(t.testdir(), 'auth.yaml');
  const common = (issuer: string) => ({ issuer: `${url}/${issuer}`, audiences: ['keystead'], caFile });
  const users = { name: 'corp', kind: 'oidc', ...common('users'), groupsClaim: 'groups' };
  const expired = { name: 'late', kind: 'oidc', ...common('expired') };
  const cluster = { name: 'cluster', kind: 'service-account', ...common('k8s') };
  writeFileSync(file, JSON.stringify({ version: 1, authenticators: [users, expired, cluster] }));
  const services = await testServices(t, { dev: false, auth: { file } });
  const ask = (token: string) => services.authenticate({ listener: 'http', authorization: `Bearer ${token}` });
  return { url, ask };
}

t.test('tokens of a real issuer are accepted and refused rightly', async (t) => {
  const opened = await scene(t);
  if (opened === undefined) return;
  const { url, ask } = opened;
  const users = (fields: Record<string, string>) =>
    tokenOf(url, 'users', { audience: 'keystead', scope: 'x', ...fields });
  t.match(await ask(await users({ group: 'operators' })), { kind: 'oidc', name: 'corp:alice', groups: ['operators'] });
  t.same((await ask(await users({ group: 'keystead:admins' }))).groups, [], 'no foreign token makes an administrator');
  await t.rejects(ask(await users({ audience: 'another' })), { ...REFUSED, message: /another audience/ });
  await t.rejects(ask(await tokenOf(url, 'expired', { audience: 'keystead' })), { ...REFUSED, message: /expired/ });
  const unknown = await tokenOf(url, 'somebody', { audience: 'keystead' });
  await t.rejects(ask(unknown), { ...REFUSED, message: 'the credentials were not accepted' });
  const account = { audience: 'keystead', namespace: 'team-a', serviceaccount: 'web' };
  t.match(await ask(await tokenOf(url, 'k8s', account)), {
    kind: 'service-account',
    name: 'system:serviceaccount:team-a:web',
    namespace: 'team-a',
  });
  const [header, , signature] = (await users({})).split('.');
  const [, payload] = (await tokenOf(url, 'k8s', account)).split('.');
  await t.rejects(ask(`${header}.${payload}.${signature}`), REFUSED, 'two tokens put together');
});
