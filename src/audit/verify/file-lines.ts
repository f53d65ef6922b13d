import { createReadStream } from 'node:fs';

/** Bytes of a line at most; a longer one is no audit line, and is given cut short. */
const MAX_LINE = 64 * 1024;
const CHUNK = 1024 * 1024;
const NEWLINE = 0x0a;

export interface FileLine {
  /** Without the newline. Used at once, not kept: the bytes are those of a chunk that was read. */
  readonly bytes: Buffer;
  /** In the file, from 1. */
  readonly number: number;
  /** False for a last line without a newline. */
  readonly ended: boolean;
}

/** The lines of a file, one after the other, in as little memory as the longest needs. */
export async function* fileLines(path: string): AsyncGenerator<FileLine[]> {
  let number = 0;
  let begun: Buffer | undefined;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Buffer>) {
    const lines: FileLine[] = [];
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      const piece = chunk.subarray(from, at);
      lines.push({ bytes: begun === undefined ? piece : joined(begun, piece), number: ++number, ended: true });
      begun = undefined;
      from = at + 1;
    }
    if (from < chunk.length) begun = joined(begun ?? Buffer.alloc(0), chunk.subarray(from));
    yield lines;
  }
  if (begun !== undefined) yield [{ bytes: begun, number: ++number, ended: false }];
}

function joined(begun: Buffer, more: Buffer): Buffer {
  return begun.length >= MAX_LINE ? begun : Buffer.concat([begun, more.subarray(0, MAX_LINE)]);
}
