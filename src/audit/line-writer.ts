import type { Writable } from 'node:stream';
import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';

/**
 * Bytes that a pipe takes in one piece (PIPE_BUF on Linux): processes that share a pipe never cut each other's lines
 * as long as no write is longer.
 */
export const MAX_WRITE = 4096;

interface Chunk {
  text: string;
  bytes: number;
  readonly written: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

export interface LineWriterOptions {
  readonly stream: Writable;
  readonly clock: Clock;
  /** Milliseconds that the stream may take for one write. */
  readonly deadline: number;
  /** Bytes that may wait; a line beyond is refused. */
  readonly maxWaiting: number;
}

/**
 * Lines to a stream, many at a time.
 *
 * Promises: lines keep their order; the lines of one turn of the event loop go out together, in writes of at most
 * 4096 bytes that end at the end of a line; `write` resolves when the stream says that the line is written. It
 * rejects when the stream fails (and then for ever), when too much waits, or when the stream does not answer within
 * the deadline (until it does). A rejected line may be written all the same.
 */
export class LineWriter {
  readonly #options: LineWriterOptions;
  readonly #closing = new AbortController();
  #waiting: Chunk[] = [];
  #waitingBytes = 0;
  #current: { readonly chunk: Chunk; readonly since: number } | undefined;
  #scheduled = false;
  #watching = false;
  /** The stream has not answered in time, and has not since. */
  #stalled = false;
  #failure: unknown;
  #idle: (() => void) | undefined;

  constructor(options: LineWriterOptions) {
    this.#options = options;
    // Without a listener an `error` event (a reader that went away) would end the process.
    options.stream.on('error', (error) => this.#fail(error));
  }

  /** Why nothing can be written any more; undefined while the stream is good. */
  get failure(): unknown {
    return this.#failure ?? (this.#stalled ? stalled(this.#options.deadline) : undefined);
  }

  /** @param line with its newline, at most 4096 bytes. */
  write(line: string): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#stalled) return Promise.reject(stalled(this.#options.deadline));
    const bytes = Buffer.byteLength(line);
    if (bytes > MAX_WRITE) return Promise.reject(refused(`a line of ${bytes} bytes is too long`));
    if (this.#waitingBytes + bytes > this.#options.maxWaiting) return Promise.reject(refused('too many lines wait'));
    this.#waitingBytes += bytes;
    this.#schedule();
    const last = this.#waiting.at(-1);
    if (last !== undefined && last.bytes + bytes <= MAX_WRITE) {
      last.text += line;
      last.bytes += bytes;
      return last.written;
    }
    const chunk = newChunk(line, bytes);
    this.#waiting.push(chunk);
    return chunk.written;
  }

  /**
   * Resolves when what was accepted is written or has failed, within the deadline; refuses further lines. A write that
   * the stream has not answered may stay pending.
   */
  async close(): Promise<void> {
    // Once stalled, everything accepted has failed already, and the stream may never answer.
    if (!this.#stalled && (this.#current !== undefined || this.#waiting.length > 0)) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    this.#closing.abort();
    this.#failure ??= refused('the audit trail is closed');
  }

  #schedule(): void {
    if (this.#scheduled || this.#current !== undefined) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#next();
    });
  }

  /** One write at a time: the stream would join two into one that is longer than a pipe takes in one piece. */
  #next(): void {
    const chunk = this.#waiting.shift();
    if (chunk === undefined) {
      this.#idle?.();
      return;
    }
    this.#current = { chunk, since: this.#options.clock.now().getTime() };
    this.#watch();
    this.#options.stream.write(chunk.text, (error) => {
      this.#current = undefined;
      this.#stalled = false;
      this.#waitingBytes -= chunk.bytes;
      if (error) {
        chunk.reject(error);
        this.#fail(error);
      } else {
        chunk.resolve();
      }
      this.#next();
    });
  }

  /** One timer for as long as something is being written, not one per write. */
  #watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    this.#untilIdleOrStalled().then(
      () => {
        this.#watching = false;
      },
      () => {},
    );
  }

  async #untilIdleOrStalled(): Promise<void> {
    const { clock, deadline } = this.#options;
    let wait = deadline;
    for (;;) {
      await clock.sleep(wait, this.#closing.signal);
      if (this.#current === undefined) return;
      const elapsed = clock.now().getTime() - this.#current.since;
      if (elapsed >= deadline) break;
      wait = deadline - elapsed;
    }
    this.#stalled = true;
    this.#current.chunk.reject(stalled(deadline));
    this.#rejectWaiting(stalled(deadline));
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#rejectWaiting(error);
    this.#current?.chunk.reject(error);
  }

  #rejectWaiting(error: unknown): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const chunk of waiting) {
      this.#waitingBytes -= chunk.bytes;
      chunk.reject(error);
    }
    this.#idle?.();
  }
}

function newChunk(text: string, bytes: number): Chunk {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  return { text, bytes, written: promise, resolve, reject };
}

function refused(why: string): KeysteadError {
  return new KeysteadError('audit-unavailable', why);
}

function stalled(deadline: number): KeysteadError {
  return refused(`the audit stream has not taken a line for ${deadline} ms`);
}
