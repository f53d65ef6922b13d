import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { createInterface } from 'node:readline';

type Test = { teardown(fn: () => unknown): void };

/** The sources of this checkout. */
export const ROOT = normalize(join(import.meta.dirname, '..', '..'));

/** A service that was started by its command line. */
export interface CliService {
  readonly http: string;
  /** `HOST:PORT`; empty: there is no gRPC listener. */
  readonly grpc: string;
  /** Empty: administrators use the HTTP listener. */
  readonly admin: string;
  /** Lines of its audit trail so far that stand for data keys. */
  readonly served: () => number;
  /** SIGTERM; resolves with the exit status. */
  stop(): Promise<number | null>;
}

/** Starts `keystead ARGS` of the sources in `root`, and waits until it listens; it may be sealed. The test ends it. */
export async function startCli(
  t: Test,
  args: readonly string[],
  { root = ROOT, env = {} }: { readonly root?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<CliService> {
  const child = spawn(process.execPath, [join(root, 'src', 'cli', 'main.ts'), ...args], {
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: join(tmpdir(), 'keystead-test-compile-cache'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    }
    return child.exitCode;
  };
  t.teardown(() => stop('SIGKILL'));
  let served = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.includes('"data-key.')) served++;
  });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    lines.push(line);
    if (!line.includes('"msg":"ready"')) continue;
    child.stderr.resume();
    const { http, grpc = '', admin = '' } = JSON.parse(line) as { http: string; grpc?: string; admin?: string };
    return { http, grpc, admin, served: () => served, stop: () => stop('SIGTERM') };
  }
  throw new Error(`the service did not start:\n${lines.join('\n')}`);
}
