import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { deadAddress, newBucket, strictQuery } from '../providers/aws/aws.ts';
import { openHouse } from '../support/bad-day.ts';
import { emulatorsHome } from '../support/emulator-slots.ts';
import { emulators } from '../support/emulators.ts';
import { faultProxy, type WireFault } from '../support/fault-proxy.ts';
import { uriText } from '../support/opened-doors.ts';

t.setTimeout(400_000);
const KMS = `kms://cluster-kms?mode=wrap&key=${'A'.repeat(43)}&salt=${'B'.repeat(42)}A`;

/** An S3 server of the test's own, on a disk of its own, that can be killed and comes back with what it had. */
async function mortalS3(t: Test) {
  const disk = mkdtempSync(join(tmpdir(), 'keystead-s3-'));
  for (const folder of ['objects', 'meta']) mkdirSync(join(disk, folder));
  const url = await deadAddress();
  const start = async () => {
    const words = ['--port', new URL(url).host, '--access', 'emulator-access', '--secret', 'emulator-secret'];
    const backend = ['posix', '--sidecar', join(disk, 'meta'), join(disk, 'objects')];
    const words2 = ['--region', 'us-east-1', '--quiet', '--health', '/health', ...backend];
    const child = spawn(join(emulatorsHome, 'bin/versitygw'), [...words, ...words2], { stdio: 'ignore' });
    while (
      !(await fetch(`${url}/health`).then(
        ({ ok }) => ok,
        () => false,
      ))
    ) {
      if (child.exitCode !== null) throw new Error('versitygw did not start');
      await sleep(20);
    }
    return child;
  };
  let server = await start();
  const kill = async () => {
    if (server.exitCode !== null || server.signalCode !== null) return;
    server.kill('SIGKILL');
    await once(server, 'exit');
  };
  t.teardown(async () => {
    await kill();
    rmSync(disk, { recursive: true });
  });
  return {
    url,
    /** At once, whoever is waiting for an answer. */
    killNow: () => void server.kill('SIGKILL'),
    async revive() {
      await kill();
      server = await start();
    },
  };
}

for (const [title, answer] of [
  ['a store that is killed between the write and the read-back', undefined],
  ['a store that is killed when it has written and not answered yet', 'reset-after'],
] as const) {
  t.test(title, async (t) => {
    const env = await emulators(t, ['versitygw']);
    if (env === undefined) return;
    const s3 = await mortalS3(t);
    const at = await newBucket(t, { ...strictQuery(env), endpoint: s3.url });
    let [armed, written] = [false, false];
    const plan = (_n: number, method: string, url: string): WireFault | undefined => {
      if (!armed || !url.includes('/data-keys/')) return undefined;
      if (written) s3.killNow();
      written ||= method === 'PUT';
      return method === 'PUT' ? answer : undefined;
    };
    const proxy = await faultProxy(t, s3.url, plan, env);
    const { get, ask } = await openHouse(t, KMS, uriText('storage://aws', { ...at, endpoint: proxy.url }));
    const old = await get('old');
    t.match(old, { status: 200, created: true });

    armed = true;
    const away = { status: 503, reason: 'store-unreachable', retryable: true, retryAfter: 5 };
    t.match(await get('new'), away, 'nobody gets a key that was not read back');
    t.ok(written);
    t.match(await get('old'), away);
    armed = false;
    await s3.revive();

    t.match(await get('old'), { status: 200, key: old.key }, 'over without a restart');
    const first = await get('new');
    t.match(first, { status: 200, created: false }, 'what was written is the key');
    const other = await openHouse(t, KMS, uriText('storage://aws', at));
    t.match(await other.get('new'), { status: 200, key: first.key });
    t.match(await ask('POST', '/v1/system/verify-storage'), { body: { done: 2, failed: [] } });
  });
}
