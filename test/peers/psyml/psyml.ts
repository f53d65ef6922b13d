import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

const runFile = promisify(execFile);

/** What of a tap test is needed here. */
interface Test {
  plan(n: number, comment?: string): void;
}

const VERSION = '0.2.2';
const NEEDS = [`psyml==${VERSION}`, 'boto3==1.44.5', 'PyYAML==6.0.4'];
const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'keystead');

export interface Task {
  readonly command: 'encrypt' | 'decrypt' | 'refresh' | 'save' | 'nuke' | 'export' | 'read';
  readonly text: string;
}

export interface Answer {
  readonly text?: string;
  readonly value?: unknown;
  readonly error?: string;
}

/** The real psyml. Undefined: it cannot be had here, and the test is skipped with the reason. */
export async function realPsyml(
  t: Test,
  env: Readonly<Record<string, string>>,
): Promise<((tasks: readonly Task[]) => Promise<Answer[]>) | undefined> {
  const python = await pythonWithPsyml(t);
  if (python === undefined) return undefined;
  return async (tasks) => {
    const child = spawn(python, [join(import.meta.dirname, 'run.py')], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin.end(JSON.stringify(tasks));
    return JSON.parse(await text(child.stdout)) as Answer[];
  };
}

/** Installed once for all checkouts of this user. */
async function pythonWithPsyml(t: Test): Promise<string | undefined> {
  const place = join(cache, `psyml-${VERSION}`);
  const python = join(place, 'bin', 'python');
  if (existsSync(python)) return python;
  const making = `${place}.${process.pid}`;
  try {
    await mkdir(cache, { recursive: true });
    await runFile('python3', ['-m', 'venv', making]);
    await runFile(join(making, 'bin', 'python'), ['-m', 'pip', 'install', '--quiet', ...NEEDS]);
    // Whoever finds the folder finds it whole.
    await rename(making, place).catch(() => {});
    return python;
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    t.plan(0, `psyml needs Python with venv, and the Python package index: ${String(error).slice(0, 200)}`);
    return undefined;
  } finally {
    await rm(making, { recursive: true, force: true });
  }
}
