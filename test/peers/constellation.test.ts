import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { openGrpcServer } from '../../src/server/grpc/server.ts';
import {
  batch,
  buildClient,
  type Case,
  goVersion,
  type Result,
  sets,
  type VectorSet,
} from '../support/constellation-client.ts';
import { listening } from '../support/gate.ts';
import { testAmbient, testConfig, testServices } from '../support/services.ts';

const run = promisify(execFile);
/** A service under this KEK, as `host:port`. */
async function serve(t: Test, { masterSecret, salt }: VectorSet): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'keystead-kek-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'mastersecret'), Buffer.from(masterSecret, 'base64'));
  writeFileSync(join(dir, 'salt'), Buffer.from(salt, 'base64'));
  const services = await testServices(t, { kek: { dir } });
  const { clock } = testAmbient();
  const server = openGrpcServer({ services, config: testConfig(), log: undefined, clock, assertRoom() {} });
  const { port } = await listening(t, server);
  return `127.0.0.1:${port}`;
}

const codeOf = ({ key, code = 0 }: Result) => (key === undefined ? code : 0);
const go = goVersion();
const options = go === undefined && process.env['CI'] !== 'true' ? { skip: 'Go is not on this machine' } : {};

t.test("Constellation's client gets Constellation's keys", { ...options, timeout: 390_000 }, async (t) => {
  const client = await buildClient();
  for (const set of sets) {
    t.test(`under the KEK ${set.name}`, async (t) => {
      const address = await serve(t, set);
      const cases = set.cases.map(({ request }) => request);
      const plain = await batch(client, address, cases);
      const squeezed = await batch(
        client,
        address,
        cases.map((one) => ({ ...one, gzip: true })),
      );
      for (const [n, { request, response }] of set.cases.entries()) {
        const name = JSON.stringify(request).slice(0, 80);
        t.equal(plain[n]?.key, response.key, `the key of ${name}`);
        t.equal(codeOf(plain[n] ?? {}), response.code ?? 0, `the code of ${name}`);
        t.equal(squeezed[n]?.key, response.key, `the key of ${name} by gzip`);
      }
    });
  }

  t.test('bad requests have its codes, and the service goes on', async (t) => {
    const [set] = sets as [VectorSet];
    const address = await serve(t, set);
    const cases: readonly (readonly [Case, number])[] = [
      [{ id: '', length: 32 }, 3],
      [{ id: 'a', length: 0 }, 3],
      [{ raw: '' }, 3],
      [{ raw: '0a0161' }, 3],
      [{ id: 'a', length: 8160 }, 0],
      [{ id: 'a', length: 8161 }, 13],
      [{ id: 'a', length: 4_294_967_295 }, 13],
      [{ idRepeat: ['x', 1021], length: 32 }, 0],
      [{ idRepeat: ['x', 4096], length: 32 }, 0],
      [{ idRepeat: ['x', 4097], length: 32 }, 3],
      [{ idRepeat: ['x', 5_000_000], length: 32 }, 8],
      [{ idRepeat: ['x', 5_000_000], length: 32, gzip: true }, 8],
      [{ raw: '0a01ff1020' }, 13],
      [{ raw: '0a056162' }, 13],
      [{ raw: '0a' }, 13],
      [{ raw: '0a01611020180119010203040506070820' }, 13],
      [{ raw: '0a0161102018011b1c' }, 0],
      [{ id: 'a', length: 32, method: '/kms.API/None' }, 12],
      [{ id: 'a', length: 32, method: '/kms.Other/GetDataKey' }, 12],
      [{ id: 'a', length: 32 }, 0],
    ];
    const results = await batch(
      client,
      address,
      cases.map(([request]) => request),
    );
    for (const [n, [request, code]] of cases.entries()) {
      t.equal(
        codeOf(results[n] ?? {}),
        code,
        `${JSON.stringify(request).slice(0, 60)}: ${results[n]?.message ?? 'ok'}`,
      );
    }
  });

  t.test('one call by hand prints the key', async (t) => {
    const [set] = sets as [VectorSet];
    const [first] = set.cases;
    const address = await serve(t, set);
    const { stdout } = await run(client, [address, first?.request.id ?? '', String(first?.request.length)]);
    t.equal(stdout.trim(), first?.response.key);
    const failed = await run(client, [address, 'a', '0']).then(
      () => undefined,
      (error) => error as { stderr: string },
    );
    t.match(failed?.stderr, /^3 /);
  });
});
