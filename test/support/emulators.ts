import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { candidateBases, connectToKeeper, emulatorsHome } from './emulator-slots.ts';

/** One of test/emulators/lib.sh; `azure-keyvault` wants `oidc` too. */
export type Emulator =
  | 'moto'
  | 'moto-iam'
  | 'versitygw'
  | 'azurite'
  | 'oidc'
  | 'azure-keyvault'
  | 'fake-gcs'
  | 'gcp-kms';

/** What of a tap test is needed here. */
interface Test {
  teardown(fn: () => unknown): unknown;
  plan(n: number, comment?: string): void;
}

type Answer = { readonly env: Record<string, string> } | { readonly missing: string } | { readonly failed: string };

/** For a keeper to come up, or for one that is just stopping to be gone. */
const KEEPER_MS = 60_000;
const POLL_MS = 50;

/**
 * Provides emulators to one test: starts what does not run yet, waits until all answer, and gives the environment
 * variables that their clients want. Nothing is set in `process.env`; the emulators' CA is trusted by this process.
 *
 * Promises: all test processes of a checkout share one set of emulators, so names in tests must be unique; when the last
 * test and the test runner have ended, in whatever way, the emulators are stopped.
 * Where an emulator is not installed, the test is skipped with the reason and the answer is undefined: return then.
 * With CI=true that is a failure.
 */
export async function emulators(t: Test, names: readonly Emulator[]): Promise<Record<string, string> | undefined> {
  if (process.platform === 'win32') return skip(t, 'the emulators need a POSIX shell');
  const keeper = await openKeeper();
  t.teardown(() => keeper.destroy());
  // The runner keeps the emulators alive between test files.
  const runner = process.env['TAP'] === '1' ? process.ppid : undefined;
  keeper.write(`${JSON.stringify({ runner, start: names })}\n`);
  const lines = createInterface({ input: keeper });
  const [line] = await Promise.race([once(lines, 'line'), once(lines, 'close')]);
  if (line === undefined)
    throw new Error('the keeper of the emulators went away; its log is keeper.log in EMULATORS_HOME');
  keeper.unref();
  const answer = JSON.parse(line) as Answer;
  if ('missing' in answer) return skip(t, answer.missing);
  if ('failed' in answer) throw new Error(`emulators did not start: ${answer.failed}`);
  trust(answer.env['NODE_EXTRA_CA_CERTS']);
  return answer.env;
}

function skip(t: Test, reason: string): undefined {
  if (process.env['CI'] === 'true') throw new Error(`CI=true: ${reason}`);
  t.plan(0, reason);
  return undefined;
}

async function openKeeper(): Promise<Socket> {
  const until = Date.now() + KEEPER_MS;
  let child: ReturnType<typeof spawnKeeper> | undefined;
  while (Date.now() < until) {
    for (const base of candidateBases()) {
      const socket = await connectToKeeper(base);
      if (socket !== undefined) return socket;
    }
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) child = spawnKeeper();
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`no keeper of the emulators after ${KEEPER_MS} ms`);
}

/** A process of its own, in a session of its own: it outlives this test and an interrupt of the test runner. */
function spawnKeeper() {
  mkdirSync(emulatorsHome, { recursive: true });
  const log = openSync(join(emulatorsHome, 'keeper.log'), 'a');
  const { TAP: _tap, NODE_OPTIONS: _options, ...env } = process.env;
  const child = spawn(process.execPath, [join(import.meta.dirname, 'emulator-keeper.ts')], {
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...env, EMULATORS_HOME: emulatorsHome, PATH: `${dirname(process.execPath)}:${process.env['PATH']}` },
  });
  child.unref();
  return child;
}

/** As NODE_EXTRA_CA_CERTS does, which Node reads at its own start only. */
function trust(file: string | undefined): void {
  if (file === undefined) return;
  const ca = readFileSync(file, 'utf8').trim();
  const trusted = getCACertificates('default');
  if (!trusted.some((known) => known.trim() === ca)) setDefaultCACertificates([...trusted, ca]);
}
