import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';

const root = normalize(join(import.meta.dirname, '../..'));
// Inside the package, as the real one is.
const bundle = join(t.testdir(), 'cli');
execFileSync(process.execPath, [join(root, '.ci/bundle.ts'), bundle]);

const main = (args: readonly string[]) => [join(bundle, 'main.js'), ...args];
const run = (...args: string[]) => execFileSync(process.execPath, main(args), { encoding: 'utf8', env: {} });

function serve(t: { teardown(fn: () => unknown): void }, ...flags: string[]): ChildProcess {
  const free = ['--http-listen', '127.0.0.1:0', '--grpc-listen', '127.0.0.1:0'];
  const child = spawn(process.execPath, main(['serve', '--dev', ...free, ...flags]), {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {},
  });
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

async function ready(child: ChildProcess): Promise<{ http: string }> {
  const seen: string[] = [];
  for await (const line of createInterface({ input: child.stderr as NonNullable<ChildProcess['stderr']> })) {
    if (line.includes('"msg":"ready"')) {
      child.stderr?.resume();
      return JSON.parse(line);
    }
    seen.push(line);
  }
  throw new Error(`the service did not start:\n${seen.join('\n')}`);
}

t.test('the bundle knows the version of its package and prints the OpenAPI document', async (t) => {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  t.equal(run('--version').trim(), version);
  t.match(run('openapi'), /^openapi: 3\.1\.0\n/);
});

for (const workers of ['1', '2']) {
  t.test(`the bundle serves keys with ${workers} worker(s) and ends in order`, async (t) => {
    const child = serve(t, '--workers', workers);
    const exited = once(child, 'exit');
    const { http } = await ready(child);
    const status = (await (await fetch(`${http}/v1/system/status`)).json()) as { version: string };
    t.match(status.version, /^\d/);
    const key = () => run('data-key', 'get', 'a', '--server', http);
    t.equal(key(), key());
    child.kill('SIGTERM');
    t.same(await exited, [0, null]);
  });
}

t.test('the bundle holds no cloud SDK, and the licences of what it holds', async (t) => {
  const licences = readFileSync(join(bundle, 'THIRD-PARTY-LICENSES'), 'utf8');
  const packages = [...licences.matchAll(/^(\S+) \d\S* \(/gm)].map((match) => match[1] as string);
  t.ok(packages.includes('fastify'));
  t.same(
    packages.filter((name) => /^@(aws|azure|google)/.test(name)),
    [],
  );
  t.ok(readdirSync(bundle).length < 100);
});
