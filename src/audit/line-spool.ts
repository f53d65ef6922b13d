import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { LinePlace } from './place.ts';

/** Lines that go out together. */
interface Batch {
  text: string;
  bytes: number;
  readonly since: number;
  readonly written: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

export interface SpoolOptions {
  readonly place: LinePlace;
  readonly clock: Clock;
  /** Milliseconds that the place may take for a line, from the time that it was accepted. */
  readonly deadline: number;
  /** Bytes that may wait; a line beyond is refused. */
  readonly maxWaiting: number;
}

/** Milliseconds between two tries to write what failed. */
const RETRY = 250;

/**
 * Lines on their way to a place, many at a time.
 *
 * Promises: lines keep their order, and those of one turn of the event loop go out together; `write` resolves when the
 * place has the line, and rejects when it fails, or has not taken it within the deadline. What was accepted is tried
 * again until it is written, as far as the place can recover; meanwhile everything new is refused.
 */
export class LineSpool {
  readonly #options: SpoolOptions;
  readonly #closing = new AbortController();
  #waiting: Batch[] = [];
  #current: Batch | undefined;
  #bytes = 0;
  #scheduled = false;
  #watching = false;
  #failure: KeysteadError | undefined;
  /** The place will never take a line again. */
  #over = false;
  #idle: (() => void) | undefined;

  constructor(options: SpoolOptions) {
    this.#options = options;
  }

  /** Why nothing can be written now; undefined while the place is good. */
  get failure(): KeysteadError | undefined {
    return this.#failure;
  }

  /** How long the oldest line waits already. */
  lagSeconds(): number {
    const oldest = this.#current ?? this.#waiting[0];
    return oldest === undefined ? 0 : Math.max(0, (this.#options.clock.now().getTime() - oldest.since) / 1000);
  }

  /** Why a line of so many bytes would not be accepted now. */
  refusal(bytes: number): KeysteadError | undefined {
    if (this.#failure !== undefined) return this.#failure;
    return this.#bytes + bytes > this.#options.maxWaiting
      ? this.#unavailable('has too many lines to write')
      : undefined;
  }

  /** @param line with its newline; `refusal` was asked before. */
  write(line: string): Promise<void> {
    const bytes = Buffer.byteLength(line);
    this.#bytes += bytes;
    this.#schedule();
    const last = this.#waiting.at(-1);
    if (last !== undefined && last.bytes + bytes <= this.#options.place.maxBatch) {
      last.text += line;
      last.bytes += bytes;
      return last.written;
    }
    const batch = newBatch(line, bytes, this.#options.clock.now().getTime());
    this.#waiting.push(batch);
    return batch.written;
  }

  /** Resolves when what was accepted is written, or is given up; refuses further lines. */
  async close(): Promise<void> {
    if (this.#failure === undefined && (this.#current !== undefined || this.#waiting.length > 0)) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    this.#over = true;
    this.#closing.abort();
    this.#failure ??= this.#unavailable('is closed');
  }

  #schedule(): void {
    if (this.#scheduled || this.#current !== undefined) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      void this.#flush();
    });
  }

  /** One batch at a time: a stream would join two into one that is longer than a pipe takes in one piece. */
  async #flush(): Promise<void> {
    for (let batch = this.#waiting.shift(); batch !== undefined; batch = this.#waiting.shift()) {
      this.#current = batch;
      this.#watch();
      if (!(await this.#append(batch))) return;
      this.#bytes -= batch.bytes;
      this.#current = undefined;
      this.#failure = undefined;
      batch.resolve();
    }
    this.#idle?.();
  }

  /** Tries until it succeeds. @returns false when it is given up. */
  async #append(batch: Batch): Promise<boolean> {
    const { place, clock } = this.#options;
    while (!this.#over) {
      try {
        await place.append(batch.text);
        return true;
      } catch (error) {
        this.#fail(this.#unavailable(`takes no line (${why(error)})`, error));
        if (!place.recovers) break;
        await clock.sleep(RETRY, this.#closing.signal).catch(() => {});
      }
    }
    this.#over = true;
    return false;
  }

  /** One timer for as long as something is being written, not one per batch. */
  #watch(): void {
    if (this.#watching) return;
    this.#watching = true;
    const done = () => {
      this.#watching = false;
    };
    this.#untilIdleOrStalled().then(done, done);
  }

  async #untilIdleOrStalled(): Promise<void> {
    const { clock, deadline } = this.#options;
    for (let wait = deadline; ; ) {
      await clock.sleep(wait, this.#closing.signal);
      if (this.#current === undefined) return;
      const elapsed = clock.now().getTime() - this.#current.since;
      // A clock that was put back must not make anybody wait longer than once more.
      if (elapsed >= deadline || elapsed < 0) break;
      wait = deadline - elapsed;
    }
    this.#fail(this.#unavailable(`has not taken a line for ${deadline} ms`));
  }

  /** Whoever waits learns of it now; the lines stay where they are. */
  #fail(error: KeysteadError): void {
    this.#failure = error;
    this.#current?.reject(error);
    for (const batch of this.#waiting) batch.reject(error);
    this.#idle?.();
  }

  #unavailable(what: string, cause?: unknown): KeysteadError {
    const text = `the audit sink ${this.#options.place.name} ${what}`;
    return new KeysteadError('audit-unavailable', text, cause === undefined ? {} : { cause });
  }
}

function newBatch(text: string, bytes: number, since: number): Batch {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  // Lines of the trail's own, such as a checkpoint, have nobody who waits for them.
  promise.catch(() => {});
  return { text, bytes, since, written: promise, resolve, reject };
}

/** The system's own word, or the message of our own errors: neither holds anything secret. */
function why(error: unknown): string {
  if (error instanceof KeysteadError) return error.message;
  return (error as NodeJS.ErrnoException).code ?? 'unknown error';
}
