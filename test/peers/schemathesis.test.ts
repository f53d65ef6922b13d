import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { KNOWN_KEK, listen, openApp } from '../server/http/support.ts';

const run = promisify(execFile);

const VERSION = '4.32.5';
const SEED = '1';
const EXAMPLES = '10';
const root = join(import.meta.dirname, '..', '..');
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'keystead');

/** The Python that has schemathesis, installed once for all checkouts of this user. Undefined: it cannot be had here. */
async function pythonWithSchemathesis(t: Test): Promise<string | undefined> {
  const place = join(cache, `schemathesis-${VERSION}`);
  const python = join(place, 'bin', 'python');
  if (existsSync(python)) return python;
  const making = `${place}.${process.pid}`;
  try {
    await run('python3', ['-c', 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)']);
    await mkdir(cache, { recursive: true });
    await run('python3', ['-m', 'venv', making]);
    await run(join(making, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', `schemathesis==${VERSION}`]);
    // Whoever finds the folder finds it whole.
    await rename(making, place).catch(() => {});
    return python;
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    t.plan(0, `schemathesis needs Python 3.10 with venv, and the Python package index: ${String(error).slice(0, 200)}`);
    return undefined;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}

const ALL_PHASES = 'examples,coverage,fuzzing,stateful';

/**
 * What it reports; empty when it finds nothing.
 *
 * @param where.cwd where it looks for its settings, and leaves its cache.
 */
async function findings(python: string, url: string, where: { cwd: string; phases: string }): Promise<string> {
  const { cwd, phases } = where;
  const extent = ['--checks', 'all', '--mode', 'all', '--phases', phases, '--max-examples', EXAMPLES, '--seed', SEED];
  const command = ['-m', 'schemathesis.cli', 'run', url, ...extent, '--continue-on-failure', '--no-color'];
  try {
    await run(python, command, { cwd, maxBuffer: 64 * 1024 * 1024 });
    return '';
  } catch (error) {
    return String((error as { stdout?: string }).stdout || error);
  }
}

// The runner's own limit still holds.
t.setTimeout(0);
const timeout = 110_000;

async function opened(t: Test, mode: 'derive' | 'wrap'): Promise<string> {
  const kms = mode === 'wrap' ? `${KNOWN_KEK.kms}&mode=wrap` : KNOWN_KEK.kms;
  return `http://127.0.0.1:${await listen((await openApp(t, { config: { kms } })).app)}/openapi.json`;
}

for (const mode of ['derive', 'wrap'] as const) {
  t.test(`schemathesis finds nothing in a service that ${mode}s, with all its checks`, { timeout }, async (t) => {
    const python = await pythonWithSchemathesis(t);
    if (python === undefined) return;
    t.equal(await findings(python, await opened(t, mode), { cwd: root, phases: ALL_PHASES }), '');
  });
}

t.test('without settings it takes two promised refusals for findings, and nothing else', { timeout }, async (t) => {
  const python = await pythonWithSchemathesis(t);
  if (python === undefined) return;
  // Settings are looked for in the folders above as well.
  const cwd = await mkdtemp(join(tmpdir(), 'keystead-schemathesis-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  const found = await findings(python, await opened(t, 'wrap'), { cwd, phases: 'examples,coverage' });
  // Under a heading for each operation, the status of each answer that it minds.
  const lines = found.match(/(?<=^_+ )[A-Z]+ \/.*(?= _+$)|^\[\d{3}\]/gm);
  t.same(lines, ['DELETE /v1/data-keys/{id}', '[412]', 'POST /v1/data-keys/{id}/get', '[412]']);
});
