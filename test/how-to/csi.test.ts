import { execFile } from 'node:child_process';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, normalize } from 'node:path';
import t, { type Test } from 'tap';
import { blocksOf, looksLike } from '../support/doc-page.ts';
import { startService } from '../support/service-process.ts';

const root = normalize(join(import.meta.dirname, '..', '..'));
const program = join(root, 'docs', 'how-to', 'csi', 'stage-volume.ts');
const SIZE = 32 * 1024 * 1024;
/** Cheap: the key is random, so that nobody can guess it and nothing has to make guesses slow. */
const FORMAT_OPTIONS = '--pbkdf pbkdf2 --pbkdf-force-iterations 1000';

const cryptsetup = (...args: string[]) => runProgram('cryptsetup', args);

t.test('a CSI driver that asks before it formats', { timeout: 390_000 }, async (t) => {
  if ((await cryptsetup('--version').catch(() => ({ status: 1 }))).status !== 0) {
    const reason = 'cryptsetup is not installed; test/how-to/install.sh does it, as root';
    if (process.env['CI'] === 'true') throw new Error(`CI=true: ${reason}`);
    t.plan(0, reason);
    return;
  }
  await t.test('formats once and opens ever after, also when the service has begun anew', async (t) => {
    const { device, serve } = scene(t);
    const first = await serve('a');
    t.match(await first.stage(), { status: 0, stdout: /^formatted .* with version 1 of [0-9a-f-]{36}\n$/ });
    const header = readFileSync(device);
    t.match(await first.stage(), { status: 0, stdout: /^opened / });
    await first.end();
    const again = await serve('a');
    t.match(await again.stage(), { status: 0, stdout: /^opened / });
    t.ok(readFileSync(device).equals(header), 'and writes nothing');
    const { stdout } = await cryptsetup('token', 'export', '--token-id', '0', device);
    t.match(JSON.parse(stdout), { type: 'keystead', keyslots: ['0'], version: 1, check: /^[A-Za-z0-9+/]{22}==$/ });
  });

  await t.test('does not touch a new volume while the service is away or sealed', async (t) => {
    const { device, serve } = scene(t);
    const blank = () => readFileSync(device).every((byte) => byte === 0);
    const { stage, end } = await serve('a');
    await end();
    t.match(await stage(), { status: 1, stderr: /could not be reached/ });
    t.ok(blank(), 'not one byte');
    const sealed = await serve(undefined);
    t.match(await sealed.stage(), { status: 1, stderr: /no KEK yet/ });
    t.ok(blank());
  });

  await t.test('does not open an old volume with another KEK, and leaves it as it is', async (t) => {
    const { device, serve } = scene(t);
    const [own, other] = [await serve('a'), await serve('b')];
    await own.stage();
    const header = readFileSync(device);
    t.match(await other.stage(), { status: 1, stderr: /the data key is not the expected one/ });
    t.ok(readFileSync(device).equals(header));
    t.match(await own.stage(), { status: 0, stdout: /^opened / });
  });

  await t.test('goes on where another one died after the format', async (t) => {
    const { device, serve } = scene(t);
    const { stage } = await serve('a');
    await stage();
    await cryptsetup('token', 'remove', '--token-id', '0', device);
    t.match(await stage(), { status: 0, stdout: /^opened / });
    t.equal((await cryptsetup('token', 'export', '--token-id', '0', device)).status, 0);
  });

  await t.test('does not format what holds something else', async (t) => {
    const { device, serve } = scene(t);
    const { stage } = await serve('a');
    writeFileSync(device, 'a file system', { flag: 'r+' });
    t.match(await stage(), { status: 1, stderr: /holds something else; nothing was changed/ });
    t.equal(readFileSync(device).subarray(0, 13).toString(), 'a file system');
    t.equal(statSync(device).size, SIZE);
  });

  await t.test('the page shows what the program does', page);
});

/** A blank volume, and services with a KEK of some name, or sealed ones. */
function scene(t: Test) {
  const folder = t.testdir({ volume: '', token: 'an-administrators-token', a: kekOf('a'), b: kekOf('b') });
  const device = join(folder, 'volume');
  truncateSync(device, SIZE);
  const tokenFile = join(folder, 'token');
  const serve = async (kek: 'a' | 'b' | undefined) => {
    const dir = kek === undefined ? {} : { dir: join(folder, kek) };
    const service = startService(t, { dev: false, admin: { tokenFile }, kek: dir });
    const { http } = await service.ready();
    const env = { FORMAT_OPTIONS, KEYSTEAD_SERVER: http, KEYSTEAD_TOKEN_FILE: tokenFile };
    return {
      env,
      stage: () => runProgram(process.execPath, [program, device], env),
      async end() {
        service.kill('SIGTERM');
        await service.exited;
      },
    };
  };
  return { device, folder, serve };
}

const kekOf = (name: string) => ({ mastersecret: name.repeat(32), salt: name.repeat(32) });

/** Runs the page's blocks, but for the one that starts a service. */
async function page(t: Test): Promise<void> {
  const { folder, serve } = scene(t);
  const { env: own } = await serve('a');
  const env = { ...own, PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter) };
  const blocks = blocksOf(readFileSync(join(root, 'docs', 'how-to', 'csi.md'), 'utf8'));
  const shown: boolean[] = [];
  for (const [index, { language, text, line }] of blocks.entries()) {
    if (language !== 'bash' || text.startsWith('keystead serve')) continue;
    const here = text.replaceAll('docs/how-to', join(root, 'docs', 'how-to'));
    const { status, stdout } = await runProgram('bash', ['-euc', here], env, folder);
    t.equal(status, 0, `line ${line}`);
    shown.push(looksLike(blocks[index + 1]?.text ?? '', stdout));
  }
  t.same(shown, [true, true]);
}

function runProgram(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = root) {
  return new Promise<{ status: number; stdout: string; stderr: string }>((resolve, reject) => {
    execFile(file, args, { cwd, env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      const status = error === null ? 0 : error.code;
      if (typeof status === 'number') resolve({ status, stdout, stderr });
      else reject(error);
    });
  });
}
