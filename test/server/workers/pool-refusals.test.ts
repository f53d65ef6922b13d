import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { askAll } from '../../../src/server/workers/pool-refusals.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { startService } from '../../support/service-process.ts';

const TOKEN = 'a-token-that-is-long-enough';
const rule = (resource: string) =>
  `version: 1\nrules: [{ name: anybody, effect: allow, subjects: [{ kind: anonymous }], actions: [data-key.get], resources: ["${resource}"], conditions: { listeners: [http] } }]\n`;

t.test('a worker that fails or does not answer in time is left out', async (t) => {
  const clock = new FakeClock();
  const never = new Promise<number[]>(() => {});
  const asked = askAll(
    [Promise.resolve([1]), Promise.reject(new Error('gone')), never, Promise.resolve([2, 3])],
    clock,
  );
  await clock.advance(2000);
  t.same(await asked, [1, 2, 3]);
  t.equal(clock.sleepers, 0);
});

t.test('of several workers each explains what any has refused, and each follows the policy file', async (t) => {
  const auth = { version: 1, authenticators: [{ name: 'anybody', kind: 'anonymous', listeners: ['http'] }] };
  const dir = t.testdir({
    mastersecret: 'm'.repeat(32),
    salt: 's'.repeat(32),
    token: TOKEN,
    'auth.yaml': JSON.stringify(auth),
    'policy.yaml': rule('one/**'),
  });
  const service = startService(t, {
    dev: false,
    workers: 2,
    kek: { dir },
    grpc: { listen: 'off' },
    admin: { tokenFile: join(dir, 'token') },
    auth: { file: join(dir, 'auth.yaml') },
    policy: { file: join(dir, 'policy.yaml') },
  });
  const { http } = await service.ready();
  // Over a connection of its own, so that each worker gets some.
  const ask = (path: string, init: RequestInit = {}) =>
    fetch(`${http}${path}`, { ...init, headers: { connection: 'close', ...init.headers } });
  const get = async (id: string) => ask(`/v1/data-keys/${encodeURIComponent(id)}/get`, { method: 'POST' });

  const refused = await Promise.all(Array.from({ length: 4 }, () => get('two/1')));
  for (const answer of refused) {
    t.equal(answer.status, 403);
    const { instance } = (await answer.json()) as { instance: string };
    const headers = { authorization: `Bearer ${TOKEN}` };
    for (let n = 0; n < 2; n++) {
      const told = await ask(`/v1/system/refusals/${instance.split(':').at(-1)}`, { headers });
      t.match(await told.json(), {
        refusals: [{ resource: 'two/1', tried: [{ rule: 'anybody', failed: 'resources' }] }],
      });
    }
  }

  writeFileSync(join(dir, 'policy.yaml'), rule('two/**'));
  const read = () => service.log.filter(({ msg }) => msg === 'the policy was read anew').length === 2 || undefined;
  await service.until(read);
  for (let n = 0; n < 4; n++) {
    t.equal((await get('two/1')).status, 200);
    t.equal((await get('one/1')).status, 403);
  }
});
