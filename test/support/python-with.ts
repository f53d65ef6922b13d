import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What of a tap test is needed here. */
interface Test {
  plan(n: number, comment?: string): void;
}

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'keystead');

/**
 * A Python that has these packages, installed once for all checkouts of this user. Undefined: it cannot be had here, and
 * the test is skipped with the reason; with CI=true that is an error.
 *
 * @param packages the one that it is for first, each with its version: `NAME==VERSION`.
 */
export async function pythonWith(t: Test, ...packages: readonly [string, ...string[]]): Promise<string | undefined> {
  const place = join(cache, packages[0].replace('==', '-'));
  const python = join(place, 'bin', 'python');
  if (existsSync(python)) return python;
  const making = `${place}.${process.pid}`;
  try {
    await run('python3', ['-c', 'import sys, venv, ensurepip; assert sys.version_info >= (3, 10)']);
    await mkdir(cache, { recursive: true });
    await run('python3', ['-m', 'venv', making]);
    await run(join(making, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', ...packages]);
    // Whoever finds the folder finds it whole.
    await rename(making, place).catch(() => {});
    return python;
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    const needs = 'needs Python 3.10 with venv, and the Python package index';
    t.plan(0, `${packages[0]} ${needs}: ${String(error).slice(0, 200)}`);
    return undefined;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}
