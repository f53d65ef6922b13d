import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { rawKey, scriptedServer } from '../client/scripted-server.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** Prints on stderr, at the end, every file that was loaded. */
const SPY = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  const loaded = [];
  registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
  process.on('exit', () => process.stderr.write(loaded.join('\\n')));
`)}`;

function start(
  t: { teardown(fn: () => unknown): void },
  argv: readonly string[],
  node: readonly string[] = [],
): ChildProcess {
  const child = spawn(process.execPath, [...node, MAIN, ...argv], { stdio: ['ignore', 'pipe', 'pipe'], env: {} });
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

async function finished(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const text = { stdout: '', stderr: '' };
  child.stdout?.on('data', (chunk) => {
    text.stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    text.stderr += chunk;
  });
  const [code] = await once(child, 'close');
  return { code, ...text };
}

t.test('the program ends with the exit status of its command', async (t) => {
  t.match(await finished(start(t, ['--version'])), { code: 0, stdout: /^\d/, stderr: /^$/ });
  t.match(await finished(start(t, ['nope'])), { code: 64, stdout: /^$/, stderr: /^keystead: [^\n]*\n$/ });
});

t.test('help and client commands load neither the server nor the schema library', async (t) => {
  const { url } = await scriptedServer(t, rawKey('a'));
  for (const argv of [['--help'], ['data-key', 'get', 'a', '--server', url], ['kek', 'generate', '--help']]) {
    const { code, stderr } = await finished(start(t, argv, ['--import', SPY]));
    t.equal(code, 0);
    const packages = stderr.split('\n').flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? []);
    const known = ['@noble/hashes', 'commander'];
    t.ok(packages.includes('commander'), 'the spy sees packages');
    t.same(
      [...new Set(packages)].filter((name) => !known.includes(name)),
      [],
    );
    t.notMatch(stderr, /src\/(server|config|wiring|providers)/);
  }
});

t.test('Ctrl-C ends a call with 130 and without a stack trace', async (t) => {
  let child: ChildProcess | undefined;
  const { url } = await scriptedServer(t, () => child?.kill('SIGINT'));
  child = start(t, ['status', '--server', url]);
  t.match(await finished(child), { code: 130, stderr: /^keystead: the call was cancelled \(client-gone\)\n$/ });
});

t.test('no end of the program leaves an empty file where a key was to go', async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const path = join(t.testdir(), 'a.key');
    let child: ChildProcess | undefined;
    let there = false;
    const { url } = await scriptedServer(t, () => {
      there = existsSync(path);
      child?.kill(signal);
    });
    child = start(t, ['data-key', 'get', 'a', '--output', path, '--server', url]);
    t.match(await finished(child), { code: 130, stderr: /^keystead: the call was cancelled \(client-gone\)\n$/ });
    t.same([there, existsSync(path)], [true, false], signal);
  }
});

t.test('a pipe that nobody reads ends the program quietly', async (t) => {
  const { url } = await scriptedServer(t, (response, request) => {
    child.stdout?.destroy();
    // The end of the pipe must be gone before the key arrives.
    child.stdout?.once('close', () => rawKey('a')(response, request));
  });
  const child = start(t, ['data-key', 'get', 'a', '--raw', '--server', url]);
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'exit');
  t.same([code, stderr], [130, '']);
});
