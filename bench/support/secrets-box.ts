import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { emulators } from '../../test/support/emulators.ts';
import { psymlKey } from '../../test/support/psyml-key.ts';
import type { Row } from './measure.ts';

/** A key of AWS KMS on the emulator, and a folder: what files of secrets are measured with. */
export interface SecretsBox {
  readonly dir: string;
  /** Of the key. */
  readonly alias: string;
  /** What a process needs in its environment to reach the key. */
  readonly env: Readonly<Record<string, string>>;
  /** What of a tap test the helpers of tests need: what is undone when the work is over, and why there is none. */
  readonly t: { teardown(undo: () => unknown): void; plan(n: number, why?: string): void };
}

/** Gives the rows of the work; none, and why, where the emulator is not installed. */
export async function inSecretsBox(work: (box: SecretsBox) => Promise<Row[]>): Promise<Row[]> {
  const teardowns: (() => unknown)[] = [];
  const t: SecretsBox['t'] = {
    teardown: (undo) => void teardowns.push(undo),
    plan: (_n, why) => void process.stderr.write(`skipped: ${why}\n`),
  };
  const dir = mkdtempSync(join(tmpdir(), 'keystead-bench-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  try {
    const emulated = await emulators(t, ['moto']);
    if (emulated === undefined) return [];
    const { alias, env } = await psymlKey(t, emulated);
    return await work({ dir, alias, env, t });
  } finally {
    for (const undo of teardowns.reverse()) await undo();
  }
}
