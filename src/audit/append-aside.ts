import { constants } from 'node:os';
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Appended } from './synced-append.ts';

/** Appends to the file of one path, and syncs it, without blocking this thread. */
export interface Appender {
  /** One at a time. Never rejects because of the file or the disk (synced-append.ts). */
  append(fd: number, lines: Uint8Array): Promise<Appended>;
  /** Resolves with false when the disk still keeps an append from ending: its file must stay open. */
  close(): Promise<boolean>;
}

/** Memory that is shared with the thread, as the thread is given it. */
export interface Desk {
  readonly path: string;
  readonly memory: SharedArrayBuffer;
}

/** Numbers of 32 bits in the shared memory: how many appends were asked for, how many are done, and of the last one… */
export const [ASKED, DONE, FD, LENGTH, WRITTEN, ERRNO, FOUND] = [0, 1, 2, 3, 4, 5, 6] as const;
/** …the numbers of 64 bits of what the path leads to. */
export const [INODE, SIZE] = [4, 5] as const;
/** Where the lines begin. */
const LINES = 48;
/** Bytes at first; it grows with the longest batch. */
const MEMORY = { least: 64 * 1024, most: 64 * 1024 * 1024 };

export function viewsOf(memory: SharedArrayBuffer) {
  return {
    words: new Int32Array(memory, 0, 8),
    numbers: new BigInt64Array(memory, 0, 6),
    // Without a length it grows with the memory.
    lines: new Uint8Array(memory, LINES),
  };
}

/**
 * A thread that appends to the file of this path: write, sync and look are one turn to it and back, where libuv's pool
 * takes three, each of which waits until the event loop has answered whoever came meanwhile. It is started by the first
 * append, and anew by the next one after it has died; shared memory costs less than messages.
 */
export function appendAside(path: string): Appender {
  let thread: AppendThread | undefined;
  return {
    append(fd, lines) {
      if (thread === undefined || thread.ended) thread = new AppendThread(path);
      return thread.append(fd, lines);
    },
    close: async () => (await thread?.close()) ?? true,
  };
}

class AppendThread {
  readonly #memory = new SharedArrayBuffer(MEMORY.least, { maxByteLength: MEMORY.most });
  readonly #views = viewsOf(this.#memory);
  readonly #worker: Worker;
  #busy = false;
  ended = false;

  constructor(path: string) {
    const entry = join(import.meta.dirname, `append-thread${extname(import.meta.filename)}`);
    const workerData: Desk = { path, memory: this.#memory };
    this.#worker = new Worker(entry, { workerData, execArgv: [], env: {} });
    this.#worker.unref();
    // Whoever waits is told below that nobody knows how it went.
    this.#worker.on('error', () => {});
    this.#worker.on('exit', () => {
      this.ended = true;
      Atomics.notify(this.#views.words, DONE);
    });
  }

  async append(fd: number, lines: Uint8Array): Promise<Appended> {
    const { words, numbers } = this.#views;
    this.#lay(fd, lines);
    const before = Atomics.load(words, DONE);
    const done = Atomics.waitAsync(words, DONE, before);
    this.#busy = true;
    // The process must not end meanwhile for want of anything else to wait for.
    this.#worker.ref();
    Atomics.add(words, ASKED, 1);
    Atomics.notify(words, ASKED);
    await done.value;
    this.#worker.unref();
    this.#busy = false;
    if (Atomics.load(words, DONE) === before) return { written: lines.length, errno: -constants.errno.EIO };
    const [ino, size] = [numbers[INODE] as bigint, numbers[SIZE] as bigint];
    return {
      written: words[WRITTEN] as number,
      errno: words[ERRNO] as number,
      standing: words[FOUND] === 1 ? { ino, size } : undefined,
    };
  }

  #lay(fd: number, lines: Uint8Array): void {
    const needed = LINES + lines.length;
    if (this.#memory.byteLength < needed) this.#memory.grow(needed);
    this.#views.lines.set(lines);
    this.#views.words[FD] = fd;
    this.#views.words[LENGTH] = lines.length;
  }

  /** A disk that does not answer must not keep anybody from closing. */
  async close(): Promise<boolean> {
    const ended = this.#worker.terminate();
    if (this.#busy) return false;
    await ended;
    return true;
  }
}
