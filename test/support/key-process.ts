import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cloud } from './clouds.ts';

/** Get each of these so many times at once, each until there is an answer. */
export interface KeyProcessOrder {
  readonly ids: readonly string[];
  readonly times: number;
}

export type KeyProcessAnswer =
  | { readonly ready: true }
  | { readonly id: string; readonly failed: string }
  | { readonly id: string; readonly version: number; readonly created: boolean; readonly key: string };

export type GivenKey = Extract<KeyProcessAnswer, { key: string }>;

/** A process of its own that gets stored data keys, killed with the test. */
export class KeyProcess {
  readonly #child: ChildProcess;
  readonly #onAnswer: (answer: KeyProcessAnswer) => void;
  readonly answers: KeyProcessAnswer[] = [];
  readonly #waiting = new Set<() => void>();

  private constructor(cloud: Cloud, storage: string, onAnswer: (answer: KeyProcessAnswer) => void) {
    this.#onAnswer = onAnswer;
    this.#child = fork(join(import.meta.dirname, 'key-process-entry.ts'), [cloud.kms, storage], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, ...cloud.env, NODE_COMPILE_CACHE: join(tmpdir(), 'keystead-test-compile-cache') },
    });
    const wake = () => {
      for (const look of this.#waiting) look();
    };
    this.#child.on('exit', wake);
    this.#child.on('message', (answer: KeyProcessAnswer) => {
      if (!('ready' in answer)) this.answers.push(answer);
      this.#onAnswer(answer);
      wake();
    });
  }

  static async start(
    t: { teardown(fn: () => unknown): unknown },
    cloud: Cloud,
    storage: string,
    onAnswer: (answer: KeyProcessAnswer) => void = () => {},
  ): Promise<KeyProcess> {
    let ready = false;
    const started = new KeyProcess(cloud, storage, (answer) => {
      if ('ready' in answer) ready = true;
      else onAnswer(answer);
    });
    t.teardown(() => started.kill());
    await started.#until(() => ready);
    if (!ready) throw new Error('the process ended before it was ready');
    return started;
  }

  get(order: KeyProcessOrder): void {
    this.#child.send(order);
  }

  /** Resolves when there are so many answers, or when the process has ended. */
  answered(count: number): Promise<void> {
    return this.#until(() => this.answers.length >= count);
  }

  /** With SIGKILL. */
  async kill(): Promise<void> {
    if (this.#ended) return;
    this.#child.kill('SIGKILL');
    await once(this.#child, 'exit');
  }

  get #ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #until(done: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!done() && !this.#ended) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }
}
