import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { devNull } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..', '..');

/** A server in a process of its own, stopped by pid. */
export interface Running {
  readonly pid: number;
  readonly http: number;
  readonly grpc: number;
  /** CPU seconds (user and system) of the process until now. */
  cpuSeconds(): number;
  /** Resident memory, megabytes. */
  residentMegabytes(): number;
  stop(): Promise<void>;
}

/** The built service as a user starts it, on free ports of loopback; audit lines go to /dev/null. */
export function keystead(...flags: string[]): Promise<Running> {
  return keysteadIn({}, ...flags);
}

/** The same, with these environment variables besides. */
export function keysteadIn(env: Readonly<Record<string, string>>, ...flags: string[]): Promise<Running> {
  const listen = ['--http-listen', '127.0.0.1:0', '--grpc-listen', '127.0.0.1:0'];
  return start(['dist/cli/main.js', 'serve', '--dev', ...listen, ...flags], env);
}

/** The service as in production: nobody is let in but whom the flags name. @param output file that standard output is appended to. */
export function guardedKeystead(output: string, ...flags: string[]): Promise<Running> {
  const args = ['dist/cli/main.js', 'serve', '--http-listen', '127.0.0.1:0', '--grpc-listen', 'off', ...flags];
  return start(args, {}, output);
}

/** A baseline of bench/baselines, which prints a ready line as the service does. */
export function baseline(name: string, ...args: string[]): Promise<Running> {
  return start([`bench/baselines/${name}.ts`, ...args]);
}

async function start(args: string[], env: Readonly<Record<string, string>> = {}, output = devNull): Promise<Running> {
  const stdout = openSync(output, 'a', 0o600);
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', stdout, 'pipe'],
    env: { ...process.env, ...env },
  });
  closeSync(stdout);
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr as NonNullable<ChildProcess['stderr']> })) {
    lines.push(line);
    if (!line.includes('"msg":"ready"')) continue;
    child.stderr?.resume();
    const ready = JSON.parse(line) as { http: string; grpc: string };
    return running(child, portOf(ready.http), portOf(ready.grpc));
  }
  throw new Error(`${args[0]} did not start:\n${lines.join('\n')}`);
}

function portOf(address: string): number {
  return Number(/:(\d+)$/.exec(address)?.[1] ?? 0);
}

function running(child: ChildProcess, http: number, grpc: number): Running {
  const pid = child.pid as number;
  return {
    pid,
    http,
    grpc,
    cpuSeconds() {
      // proc(5): utime and stime are fields 14 and 15, in clock ticks of 1/100 s; the name before may hold spaces.
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /, '')
        .split(' ');
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
    residentMegabytes() {
      return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
    },
    async stop() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
    },
  };
}
