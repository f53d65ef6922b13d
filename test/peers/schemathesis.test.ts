import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
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

async function findings(python: string, url: string): Promise<string> {
  const checks = ['--checks', 'all', '--mode', 'all', '--seed', SEED, '--max-examples', EXAMPLES, '--no-color'];
  // schemathesis.toml is read from the working folder.
  const options = { cwd: root, maxBuffer: 64 * 1024 * 1024 };
  try {
    await run(python, ['-m', 'schemathesis.cli', 'run', url, ...checks], options);
    return '';
  } catch (error) {
    return String((error as { stdout?: string }).stdout || error);
  }
}

// The runner's own limit still holds.
t.setTimeout(0);

for (const mode of ['derive', 'wrap']) {
  t.test(
    `schemathesis finds nothing in a service that ${mode}s, with all its checks`,
    { timeout: 110_000 },
    async (t) => {
      const python = await pythonWithSchemathesis(t);
      if (python === undefined) return;
      const kms = mode === 'wrap' ? `${KNOWN_KEK.kms}&mode=wrap` : KNOWN_KEK.kms;
      const port = await listen((await openApp(t, { config: { kms } })).app);
      t.equal(await findings(python, `http://127.0.0.1:${port}/openapi.json`), '');
    },
  );
}
