import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { pythonWith } from '../../support/python-with.ts';

/** What of a tap test is needed here. */
interface Test {
  plan(n: number, comment?: string): void;
}

const VERSION = '0.2.2';
const NEEDS = ['boto3==1.44.5', 'PyYAML==6.0.4'];

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
  const python = await pythonWith(t, `psyml==${VERSION}`, ...NEEDS);
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
