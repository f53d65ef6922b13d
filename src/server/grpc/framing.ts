import { promisify } from 'node:util';
import { gunzip as gunzipCallback } from 'node:zlib';
import { STATUS, StatusError } from './status.ts';

const gunzip = promisify(gunzipCallback);
/** Flag and length before each message. */
const PREFIX = 5;

/**
 * Puts the chunks of a request together to its one message. Holds at most twice the bytes received, never more than `limit`
 * and a chunk, whatever length the request claims and however small its chunks are.
 *
 * Throws resource_exhausted when the message says it is too long, before the rest of it is read; unimplemented when there
 * is not exactly one message; internal when the frame is malformed or cut short.
 */
export class MessageReader {
  readonly #limit: number;
  #bytes: Buffer = Buffer.alloc(0);
  #received = 0;
  #length: number | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  push(chunk: Buffer): void {
    this.#append(chunk);
    if (this.#length === undefined && this.#received >= PREFIX) this.#readPrefix();
    if (this.#length !== undefined && this.#received > PREFIX + this.#length) {
      throw new StatusError(
        STATUS.unimplemented,
        'bad-request',
        'the method takes one request message, more were sent',
      );
    }
  }

  /** The message, when the request has ended. */
  end(): { readonly compressed: boolean; readonly bytes: Buffer } {
    if (this.#received === 0) {
      throw new StatusError(STATUS.unimplemented, 'bad-request', 'the method takes one request message, none was sent');
    }
    if (this.#length === undefined || this.#received < PREFIX + this.#length) {
      throw new StatusError(STATUS.internal, 'bad-message', 'the request message is cut short');
    }
    return { compressed: this.#bytes[0] === 1, bytes: this.#bytes.subarray(PREFIX, this.#received) };
  }

  #readPrefix(): void {
    const flag = this.#bytes.readUInt8(0);
    const length = this.#bytes.readUInt32BE(1);
    if (flag > 1) throw new StatusError(STATUS.internal, 'bad-message', `there is no compressed flag ${flag}`);
    if (length > this.#limit) throw tooLarge(this.#limit);
    this.#length = length;
  }

  #append(chunk: Buffer): void {
    const received = this.#received + chunk.length;
    if (this.#received === 0) this.#bytes = chunk;
    else {
      if (received > this.#bytes.length)
        this.#bytes = Buffer.concat([this.#bytes], Math.max(received, 2 * this.#received));
      chunk.copy(this.#bytes, this.#received);
    }
    this.#received = received;
  }
}

/** Inflates a message to `limit` bytes at most: a small one that grows without end stops there. */
export async function inflate(bytes: Buffer, limit: number): Promise<Buffer> {
  try {
    return await gunzip(bytes, { maxOutputLength: limit });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limit);
    throw new StatusError(STATUS.internal, 'bad-message', 'the message is not valid gzip', { cause: error });
  }
}

/** A message behind its prefix, never compressed. Wipes the message it was given: the frame is the only copy. */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(PREFIX + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX);
  message.fill(0);
  return framed;
}

function tooLarge(limit: number): StatusError {
  return new StatusError(STATUS.resourceExhausted, 'body-too-large', `the message is longer than ${limit} bytes`);
}
