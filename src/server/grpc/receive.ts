import type { ServerHttp2Stream } from 'node:http2';
import { promisify } from 'node:util';
import { gunzip as gunzipCallback } from 'node:zlib';
import { STATUS, StatusError } from './status.ts';

const gunzip = promisify(gunzipCallback);
/** Flag and length before each message. */
export const PREFIX = 5;

/**
 * Reads the one message of a call. The stream is read only while this waits, so a caller can send no more than the
 * flow-control window before. Holds at most twice the bytes received, never more than `limit` and a chunk, whatever
 * length the request claims and however small its chunks are. Never settles when the stream is closed first: whoever
 * waits is told by `close`.
 *
 * Throws resource_exhausted when the message says it is too long, before the rest of it is read; unimplemented when there
 * is not exactly one message; internal when the frame is malformed or cut short.
 */
export function receiveMessage(stream: ServerHttp2Stream, limit: number, gzip: boolean): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  let bytes: Buffer = Buffer.alloc(0);
  let received = 0;
  const end = () => resolve(messageOf(bytes.subarray(0, received), limit, gzip));
  stream.on('end', end);
  stream.on('data', (chunk: Buffer) => {
    bytes = append(bytes, received, chunk);
    received += chunk.length;
    const flaw = flawOf(bytes, received, limit);
    if (flaw === undefined) return;
    stream.off('end', end).removeAllListeners('data').pause();
    reject(flaw);
  });
  // An empty last frame ends the stream while nobody reads yet, and its `end` does not come again.
  if (stream.readableEnded) end();
  return promise;
}

/** Grows by doubling, so that many small chunks are not copied again and again. */
function append(bytes: Buffer, used: number, chunk: Buffer): Buffer {
  if (used === 0) return chunk;
  const needed = used + chunk.length;
  const grown = needed > bytes.length ? Buffer.concat([bytes], Math.max(needed, 2 * used)) : bytes;
  chunk.copy(grown, used);
  return grown;
}

/** What is wrong with a frame already, of which so many bytes were received. */
function flawOf(bytes: Buffer, received: number, limit: number): StatusError | undefined {
  if (received < PREFIX) return undefined;
  const [flag = 0, length] = [bytes[0], bytes.readUInt32BE(1)];
  if (flag > 1) return malformed(`there is no compressed flag ${flag}`);
  if (length > limit) return tooLarge(limit);
  return received > PREFIX + length ? notOne('more were sent') : undefined;
}

/** What a frame that was received to its end holds; of a compressed message `limit` bytes at most. */
async function messageOf(framed: Buffer, limit: number, gzip: boolean): Promise<Buffer> {
  if (framed.length === 0) throw notOne('none was sent');
  if (framed.length < PREFIX || framed.length < PREFIX + framed.readUInt32BE(1)) throw malformed('it is cut short');
  const message = framed.subarray(PREFIX);
  if (framed[0] === 0) return message;
  if (!gzip) throw malformed('it is marked as compressed without a grpc-encoding');
  try {
    // A small one that grows without end stops there.
    return await gunzip(message, { maxOutputLength: limit });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(limit);
    throw malformed('it is not valid gzip', error);
  }
}

function malformed(what: string, cause?: unknown): StatusError {
  return new StatusError(STATUS.internal, 'bad-message', `the request message cannot be read: ${what}`, { cause });
}

function notOne(what: string): StatusError {
  return new StatusError(STATUS.unimplemented, 'bad-request', `the method takes one request message, ${what}`);
}

function tooLarge(limit: number): StatusError {
  return new StatusError(STATUS.resourceExhausted, 'body-too-large', `the message is longer than ${limit} bytes`);
}
