import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { readSmallFile } from '../../src/config/read-small-file.ts';
import type { InForce } from '../../src/wiring/in-force.ts';
import { openTls } from '../../src/wiring/tls.ts';
import type { TlsMaterial } from '../../src/wiring/tls-file.ts';
import { authority } from '../support/certificates.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { testConfig } from '../support/services.ts';

const ca = authority('ca');
const [first, second] = [ca.issue('first'), ca.issue('second')];

interface More {
  readonly inForce?: InForce;
  readonly cert?: string;
  /** Absent: clients show none. */
  readonly clientCertificate?: 'required' | 'optional';
}

async function scene(t: Test, more: More = {}) {
  const clock = new FakeClock();
  const dir = t.testdir({ 'tls.crt': more.cert ?? first.cert, 'tls.key': first.key, 'ca.crt': ca.cert });
  const [certFile, keyFile] = [join(dir, 'tls.crt'), join(dir, 'tls.key')];
  const { clientCertificate } = more;
  const client = clientCertificate && { clientCaFile: join(dir, 'ca.crt'), clientCertificate };
  const config = testConfig({ tls: { certFile, keyFile, ...client } });
  const logged: string[] = [];
  const write = (_fields: object, message: string) => void logged.push(message);
  const member = more.inForce === undefined ? {} : { member: { inForce: more.inForce } as never };
  const log = { info: write, warn: write, error: write };
  const keeper = await openTls(config, { clock, readFile: readSmallFile, log, ...member });
  t.teardown(() => keeper.close());
  const used: TlsMaterial[] = [];
  keeper.onChange((material) => used.push(material));
  const look = async (times = 3) => {
    for (let n = 0; n < times; n++) {
      await clock.advance(1000);
      while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { keeper, certFile, keyFile, config, logged, used, look };
}

t.test('the status says what the handshake wants of a client', async (t) => {
  t.equal((await scene(t)).keeper.status()?.clientCertificates, 'none');
  for (const clientCertificate of ['required', 'optional'] as const) {
    const { keeper } = await scene(t, { clientCertificate });
    t.equal(keeper.status()?.clientCertificates, clientCertificate);
  }
});

t.test('a new pair is taken when both of its files are there', async (t) => {
  const { keeper, certFile, keyFile, used, look, logged } = await scene(t);
  const before = keeper.status();
  writeFileSync(certFile, second.cert);
  writeFileSync(keyFile, second.key);
  await look();
  t.equal(String(used[0]?.cert), second.cert);
  t.equal(used.length, 1);
  t.not(keeper.status()?.sha256, before?.sha256);
  t.equal(keeper.failed, false);
  t.same(logged, ['the TLS certificate was read anew']);
  await look();
  t.equal(used.length, 1, 'nothing is new');
});

t.test(
  'files that are not fit leave the former ones in force, and that is told until they are whole again',
  async (t) => {
    const { keeper, certFile, keyFile, used, look, logged } = await scene(t);
    for (const broken of ['', 'no certificate', second.cert]) {
      writeFileSync(certFile, broken);
      await look();
      t.equal(keeper.failed, true);
      t.match(keeper.status()?.problem, /the certificate that was read before stays in force/);
      t.equal(String(keeper.material?.cert), first.cert);
    }
    t.same(used, []);
    t.ok(logged.every((line) => line === 'the TLS certificate stays as it was'));
    writeFileSync(keyFile, second.key);
    await look();
    t.equal(keeper.failed, false);
    t.notOk(keeper.status()?.problem);
    t.equal(String(keeper.material?.cert), second.cert);
  },
);

t.test('the former pair once more is no news', async (t) => {
  const { keeper, certFile, used, look } = await scene(t);
  writeFileSync(certFile, 'broken');
  await look();
  writeFileSync(certFile, first.cert);
  await look();
  t.equal(keeper.failed, false);
  t.same(used, []);
});

t.test('a reload takes new files at once, and throws what is wrong with them', async (t) => {
  const { keeper, config, certFile, keyFile, used } = await scene(t);
  t.equal(await keeper.reload(config), false);
  writeFileSync(certFile, second.cert);
  await t.rejects(keeper.reload(config), { reason: 'bad-config', message: /does not belong to/ });
  t.equal(keeper.failed, true);
  writeFileSync(keyFile, second.key);
  t.equal(await keeper.reload(config), true);
  t.equal(keeper.failed, false);
  t.equal(used.length, 1);
});

t.test('how clients are asked for certificates is settled while the listeners are open', async (t) => {
  const { keeper, config, used, certFile, keyFile } = await scene(t, { clientCertificate: 'required' });
  const { clientCaFile: _, ...without } = config.tls;
  const others = [without, { ...config.tls, clientCertificate: 'optional' as const }];
  writeFileSync(certFile, second.cert);
  writeFileSync(keyFile, second.key);
  for (const tls of others) {
    await t.rejects(keeper.reload({ ...config, tls }), {
      reason: 'bad-config',
      message: /while the listeners are open/,
    });
  }
  t.same(used, [], 'Node would take the authorities of everybody for that of the clients');
  t.equal(keeper.status()?.clientCertificates, 'required');
  t.equal(await keeper.reload(config), true);
  const { keeper: open, config: plain } = await scene(t);
  const asking = { ...plain, tls: { ...plain.tls, clientCaFile: certFile } };
  await t.rejects(open.reload(asking), { reason: 'bad-config', message: /tls.clientCaFile/ });
  t.equal(open.status()?.clientCertificates, 'none');
});

t.test('a process that starts while the files are broken works with what its siblings have in force', async (t) => {
  const held = new Map<string, Uint8Array>();
  const inForce = {
    find: (path: string) => held.get(path),
    keep: (path: string, bytes: Uint8Array) => void held.set(path, bytes),
  };
  await t.rejects(scene(t, { inForce, cert: 'broken' }), { reason: 'bad-config', message: /does not hold/ });
  t.equal(held.size, 0);
  const dir = t.testdirName;
  held.set(join(dir, 'tls.crt'), Buffer.from(first.cert));
  held.set(join(dir, 'tls.key'), Buffer.from(first.key));
  const { keeper, certFile, keyFile, look } = await scene(t, { inForce, cert: 'broken' });
  t.equal(String(keeper.material?.cert), first.cert);
  t.equal(keeper.failed, true);
  writeFileSync(certFile, second.cert);
  writeFileSync(keyFile, second.key);
  await look();
  t.equal(keeper.failed, false);
  t.equal(String(held.get(certFile)), second.cert, 'and tells them what it has itself');
});

t.test('without files there is no TLS', async (t) => {
  const log = { info() {}, warn() {}, error() {} };
  const keeper = await openTls(testConfig(), { clock: new FakeClock(), readFile: readSmallFile, log });
  t.equal(keeper.material, undefined);
  t.equal(keeper.status(), undefined);
  t.equal(await keeper.reload(testConfig()), false);
  await keeper.close();
});
