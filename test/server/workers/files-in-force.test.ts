import { hash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import t from 'tap';
import { FilesInForce } from '../../../src/server/workers/files-in-force.ts';
import { authority } from '../../support/certificates.ts';
import { childrenOf, startService } from '../../support/service-process.ts';

t.test('the last of each file is kept, until all are wiped', async (t) => {
  const files = new FilesInForce();
  const first = Buffer.from('one');
  files.keep({ path: '/a', bytes: first });
  files.keep({ path: '/a', bytes: Buffer.from('two') });
  files.keep({ path: '/b', bytes: Buffer.from('three') });
  t.same(
    [...files.plain()].map(([path, bytes]) => [path, String(bytes)]),
    [
      ['/a', 'two'],
      ['/b', 'three'],
    ],
  );
  t.equal(first.toString('hex'), '000000');
  files.dispose();
  t.equal(files.plain().size, 0);
});

t.test('a worker is replaced while its files are broken, and knows what the others know', async (t) => {
  const ca = authority('ca');
  const pair = ca.issue('server');
  const TOKEN = 'kst_a-token-that-is-long-enough';
  const auth = `version: 1\nauthenticators:\n  - { name: ci, kind: token, tokens: [{ name: ci, sha256: ${hash('sha256', TOKEN)} }] }\n`;
  const policy =
    'version: 1\nrules:\n  - { name: all, effect: allow, subjects: [{ kind: token }], actions: [data-key.*], resources: ["**"] }\n';
  const dir = t.testdir({
    'auth.yaml': auth,
    'policy.yaml': policy,
    'tls.crt': pair.cert,
    'tls.key': pair.key,
    kek: { mastersecret: 'm'.repeat(16), salt: 's'.repeat(32) },
  });
  const path = (name: string) => join(dir, name);
  const service = startService(t, {
    dev: false,
    workers: 2,
    auth: { file: path('auth.yaml') },
    policy: { file: path('policy.yaml') },
    tls: { certFile: path('tls.crt'), keyFile: path('tls.key') },
    kek: { dir: path('kek') },
    grpc: { listen: 'off' },
    limits: { failedLogins: 4 },
  });
  const { http } = await service.ready();
  /** On a connection of its own, which goes to the next worker. */
  const ask = (token: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const agent = new Agent({ ca: ca.cert });
      const sent = request(`${http}/v1/data-keys/disk/get?length=32`, {
        method: 'POST',
        agent,
        headers: { authorization: `Bearer ${token}` },
      });
      sent.on('response', (response) => {
        response.resume().on('end', () => {
          agent.destroy();
          resolve(response.statusCode);
        });
      });
      sent.on('error', reject).end();
    });
  const several = async (token: string, count: number) => {
    const statuses: (number | undefined)[] = [];
    for (let n = 0; n < count; n++) statuses.push(await ask(token));
    return statuses;
  };
  t.same(await several(TOKEN, 4), [200, 200, 200, 200]);
  for (const name of ['auth.yaml', 'policy.yaml', 'tls.crt']) writeFileSync(path(name), 'broken: [');
  const from = service.log.length;
  for (const pid of await childrenOf(service.child.pid as number)) process.kill(pid, 'SIGKILL');
  const replaced = () => service.log.slice(from).filter(({ msg }) => msg === 'a worker was replaced');
  await service.until(() => (replaced().length === 2 ? true : undefined));
  t.notOk(service.log.some(({ msg }) => msg === 'a worker could not be replaced'));
  t.same(await several(TOKEN, 4), [200, 200, 200, 200]);

  t.same(await several('kst_wrong', 4), [401, 401, 401, 401], 'each worker has refused some of them');
  t.same(await several('kst_other', 2), [429, 429], 'and both know that they were too many together');
  t.same(await several(TOKEN, 2), [200, 200], 'a token that was good is served');
});
