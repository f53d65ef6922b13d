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
  if (Number(stream.headers['content-length']) > limit) {
    done(tooLarge());
    return;
  }
  const chunks: Buffer[] = [];
  let length = 0;
  let over = false;
  const end = (error: Error | null, value?: unknown) => {
    if (over) return;
    over = true;
    for (const chunk of chunks) chunk.fill(0);
    done(error, value);
  };
  stream.on('data', (chunk: Buffer) => {
    if (over) {
      chunk.fill(0);
      return;
    }
    length += chunk.length;
    chunks.push(chunk);
    if (length > limit) end(tooLarge());
  });
  stream.on('error', end);
  stream.on('end', () => {
    if (over) return;
    const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length);
    let value: unknown;
    try {
      value = read(body);
    } catch (error) {
      return end(error as Error);
    } finally {
      body.fill(0);
    }
    end(null, value);
  });
}

function tooLarge(): KeysteadError {
  return new KeysteadError('body-too-large', 'the body is larger than this route takes');
}
