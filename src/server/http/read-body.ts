import type { IncomingMessage } from 'node:http';
import { KeysteadError } from '../../core/errors.ts';

/**
 * Reads a body to its end and gives what `read` makes of it. Nothing of it stays behind, since it may hold a master
 * secret: Fastify's own reader hands out a copy, and leaves what it copied.
 *
 * @param limit bytes; a body that says it is longer is not read, one that gets longer is not kept.
 * @param done is called once, as long as the caller is there: with the value, or with `body-too-large`, with what
 * `read` throws, or with what breaks the connection.
 */
export function readBody(
  stream: IncomingMessage,
  limit: number,
  read: (body: Buffer) => unknown,
  done: (error: Error | null, value?: unknown) => void,
): void {
  const announced = Number(stream.headers['content-length']);
  if (announced > limit) {
    done(tooLarge());
    return;
  }
  const body = new Body(limit, read, done);
  if (stream.readableLength === announced) {
    // A small body comes together with its head: all of it is here, and need not be waited for.
    body.takeAll(stream);
    return;
  }
  stream.on('data', (chunk: Buffer) => body.take(chunk));
  stream.on('error', (error) => body.fail(error));
  stream.on('end', () => body.end());
}

/** The pieces of a body, until somebody was told what it says. */
class Body {
  readonly #limit: number;
  readonly #read: (body: Buffer) => unknown;
  readonly #done: (error: Error | null, value?: unknown) => void;
  readonly #chunks: Buffer[] = [];
  #length = 0;
  #over = false;

  constructor(limit: number, read: (body: Buffer) => unknown, done: (error: Error | null, value?: unknown) => void) {
    this.#limit = limit;
    this.#read = read;
    this.#done = done;
  }

  /** The pieces as they came: a stream that does not flow would join them, and leave behind what it copied. */
  takeAll(stream: IncomingMessage): void {
    stream.resume();
    for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) this.take(chunk);
    this.end();
  }

  take(chunk: Buffer): void {
    if (this.#over) return void chunk.fill(0);
    this.#length += chunk.length;
    this.#chunks.push(chunk);
    if (this.#length > this.#limit) this.fail(tooLarge());
  }

  end(): void {
    if (this.#over) return;
    const body = this.#chunks.length === 1 ? (this.#chunks[0] as Buffer) : Buffer.concat(this.#chunks, this.#length);
    let value: unknown;
    try {
      value = this.#read(body);
    } catch (error) {
      this.fail(error as Error);
      return;
    } finally {
      body.fill(0);
    }
    this.#finish(null, value);
  }

  fail(error: Error): void {
    if (!this.#over) this.#finish(error, undefined);
  }

  #finish(error: Error | null, value: unknown): void {
    this.#over = true;
    for (const chunk of this.#chunks) chunk.fill(0);
    this.#done(error, value);
  }
}

function tooLarge(): KeysteadError {
  return new KeysteadError('body-too-large', 'the body is larger than this route takes');
}
