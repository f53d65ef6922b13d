import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConfigChanges, testConfig } from './services.ts';

type Teardown = { teardown(fn: () => unknown): void };
type LogLine = Readonly<Record<string, unknown>>;

/** A service in a process of its own, over real sockets and signals. */
export class ServiceProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<number | string>;
  stdout = '';
  stderr = '';
  readonly #changed = new EventTarget();
  /** It has ended, and all that it wrote was read. */
  #over = false;

  /** @param by a command that becomes what is written behind it. */
  constructor(t: Teardown, args: readonly string[], execArgv: readonly string[] = [], by: readonly string[] = []) {
    const entry = join(import.meta.dirname, 'serve-entry.ts');
    const [program = '', ...before] = [...by, process.execPath];
    this.child = spawn(program, [...before, ...execArgv, entry, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Spares every process to strip and compile the same sources again.
      env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'keystead-test-compile-cache') },
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text) => this.#read('stdout', text));
    this.child.stderr?.setEncoding('utf8').on('data', (text) => this.#read('stderr', text));
    this.exited = once(this.child, 'close').then(([code, signal]) => {
      this.#over = true;
      this.#changed.dispatchEvent(new Event('change'));
      return code ?? signal;
    });
    t.teardown(async () => {
      this.child.kill('SIGKILL');
      await this.exited;
    });
  }

  /** Lines of the log so far. */
  get log(): LogLine[] {
    const lines = this.stderr.split('\n').slice(0, -1);
    return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  }

  /** Lines of the audit trail so far that stand for operations. */
  get audit(): LogLine[] {
    const lines = this.stdout.split('\n').slice(0, -1);
    return lines.map((line) => JSON.parse(line)).filter(({ type }) => type === undefined);
  }

  /** Resolves with the first log line of that message that came after `from`; rejects when the service ends first. */
  async logged(msg: string, from = 0): Promise<LogLine> {
    return this.until(() => this.log.slice(from).find((line) => line['msg'] === msg));
  }

  /** Resolves when the output makes `found` give something. */
  async until<T>(found: () => T | undefined): Promise<T> {
    for (;;) {
      const result = found();
      if (result !== undefined) return result;
      // Its last lines may come behind the news of its end.
      if (this.#over) throw new Error(`the service ended first:\n${this.stderr}`);
      await once(this.#changed, 'change');
    }
  }

  async ready(): Promise<{ http: string; grpc: string }> {
    return (await this.logged('ready')) as unknown as { http: string; grpc: string };
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  #read(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    this.#changed.dispatchEvent(new Event('change'));
  }
}

/** Starts a service; the test ends it. */
export function startService(
  t: Teardown,
  config: ConfigChanges = {},
  more: {
    again?: string;
    execArgv?: string[];
    /** Without what the test runner loads into every child. */
    bare?: boolean;
    /** How many files it may have open. */
    files?: number;
  } = {},
) {
  const args = [JSON.stringify(testConfig(config)), ...(more.again === undefined ? [] : [more.again])];
  // The runner's preloads, which catch signals, come by the environment.
  const bare = more.bare ? ['env', '-u', 'NODE_OPTIONS'] : [];
  const few = more.files === undefined ? [] : ['sh', '-c', `ulimit -n ${more.files}; exec "$@"`, 'sh'];
  return new ServiceProcess(t, args, more.execArgv, [...few, ...bare]);
}

/** A process's direct children. */
export async function childrenOf(pid: number): Promise<number[]> {
  const { readFile } = await import('node:fs/promises');
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.split(' ').filter(Boolean).map(Number);
}
