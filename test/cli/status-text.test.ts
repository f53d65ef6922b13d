import { hash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { statusText } from '../../src/cli/status-text.ts';
import type { ServiceStatus } from '../../src/client/service-status.ts';
import { keystead, startService } from './terminal.ts';

const TIME = '2026-11-22T21:06:00.000Z';
const STATUS: ServiceStatus = {
  version: '0.1.0',
  mode: 'derive',
  state: 'ready',
  kms: 'kms://cluster-kms',
  storage: 'storage://memory',
  doors: [],
  startedAt: TIME,
  development: false,
};

/** The rows of a text, by name. */
function rows(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .trimEnd()
      .split('\n')
      .map((line) => line.split(/ {2,}/) as [string, string]),
  );
}

t.test('the KEK that lives in a Secret has a line, and what is wrong with it another', async (t) => {
  const name = 'the Secret keystead/kek';
  const held = rows(statusText({ ...STATUS, kekSecret: { name, state: 'held', since: TIME } }));
  t.equal(held['kek secret'], `the Secret keystead/kek: held since ${TIME}`);
  t.notOk('kek secret problem' in held);
  const problem = 'the Secret is gone; write it again';
  const gone = rows(statusText({ ...STATUS, kekSecret: { name, state: 'absent', since: TIME, problem } }));
  t.equal(gone['kek secret'], `the Secret keystead/kek: absent since ${TIME}`);
  t.equal(gone['kek secret problem'], problem);
  t.notOk('kek secret' in rows(statusText(STATUS)), 'where none is configured there is no line');
});

t.test('TLS and callers stand there in words, for every kind of authenticator', async (t) => {
  const names = { loadedAt: TIME, sha256: 'a'.repeat(64) };
  const authenticators = [
    { name: 'cluster', kind: 'service-account', issuer: 'https://api', audiences: ['a', 'b'], review: true },
    { name: 'sso', kind: 'oidc', issuer: 'https://sso', audiences: ['keystead'] },
    { name: 'mesh', kind: 'certificate', by: 'spiffe' },
    { name: 'ci', kind: 'token', tokens: 2 },
    { name: 'drivers', kind: 'anonymous', listeners: ['http', 'grpc'] },
  ];
  const auth = { authenticators: 5, ...names, problem: 'it is not valid' };
  const tls = { clientCertificates: 'optional', notAfter: TIME, ...names, problem: 'not fit' };
  const told = rows(statusText({ ...STATUS, auth, tls, callers: { adminToken: true, authenticators } }));
  t.match(told, {
    auth: `5 authenticators, read ${TIME}, SHA-256 ${'a'.repeat(64)}`,
    'auth problem': 'it is not valid',
    'admin token': 'accepted',
    'callers by cluster': 'service-account, of https://api, for a or b, each asked about by TokenReview',
    'callers by sso': 'oidc, of https://sso, for keystead',
    'callers by mesh': 'certificate, by spiffe',
    'callers by ci': 'token, 2 tokens',
    'callers by drivers': 'anonymous, on http and grpc',
    tls: `on, the certificate expires ${TIME}, client certificates: optional`,
    'tls problem': 'not fit',
  });
  t.notOk('callers' in told);
  t.match(rows(statusText({ ...STATUS, callers: { adminToken: false, authenticators: [] } })), {
    'admin token': 'none is configured',
    tls: 'off',
  });
  t.match(rows(statusText({ ...STATUS, development: true })), { callers: 'everybody, with every right' });
});

t.test('an administrator sees who is let in; others see that they may not', async (t) => {
  const bob = `kst_${'b'.repeat(43)}`;
  const sha256 = hash('sha256', bob);
  const dir = t.testdir({ admin: 'an-admin-token-0123', bob });
  const auth = {
    version: 1,
    authenticators: [
      { name: 'ci', kind: 'token', tokens: [{ name: 'bob', sha256 }] },
      { name: 'drivers', kind: 'anonymous', listeners: ['grpc'] },
    ],
  };
  writeFileSync(join(dir, 'auth'), JSON.stringify(auth));
  const server = await startService(t, {
    dev: false,
    admin: { tokenFile: join(dir, 'admin') },
    auth: { file: join(dir, 'auth') },
  });
  const shown = async (...words: string[]) => (await keystead(['status', '--server', server, ...words])).stdout;
  const told = await shown('--token-file', join(dir, 'admin'));
  t.match(rows(told), {
    'admin token': 'accepted',
    'callers by ci': 'token, 1 token',
    'callers by drivers': 'anonymous, on grpc',
    tls: 'off',
  });
  t.notMatch(told, /bob|an-admin-token/);
  t.notMatch(told, sha256);
  for (const words of [[], ['--token-file', join(dir, 'bob')]]) {
    const text = await shown(...words);
    const { callers } = rows(text);
    t.match(callers, /told to those whom the policy allows system.inspect/);
    t.notMatch(text, /callers by|admin token/);
  }
});
