import { KeysteadError } from '../core/errors.ts';

/**
 * The whole body of an answer, in memory of its own that the caller wipes. What passed through on the way is wiped.
 * Throws `bad-answer` when it is longer than `max` bytes, and whatever the connection throws.
 */
export async function readBody(response: Response, max: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  try {
    for (;;) {
      const next = await reader?.read();
      if (next === undefined || next.done) break;
      chunks.push(next.value);
      length += next.value.length;
      if (length > max) throw new KeysteadError('bad-answer', `the answer is longer than ${max} bytes`);
    }
    return joined(chunks, length);
  } finally {
    for (const chunk of chunks) chunk.fill(0);
    // Without a word: the body is read, or there is an error to tell already.
    await reader?.cancel().catch(() => undefined);
  }
}

/** Gives up a body that nobody wants to read, so that its connection is free again. */
export async function discardBody(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => undefined);
}

/** Parses a JSON body. Throws `bad-answer`, which does not repeat any of it. */
export function parseJson(body: Uint8Array, server: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw new KeysteadError('bad-answer', `${server} answered with JSON that cannot be read`);
  }
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
