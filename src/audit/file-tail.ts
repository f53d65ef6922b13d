import { open, readFile } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { isChained, parseLine } from './parse-line.ts';
import type { LineName, Predecessor } from './place.ts';

/** Bytes at the end of a file in which the last whole line stands: a line has 4096 at most. */
const TAIL = 64 * 1024;
/** How often a line without its end must be found as it was. */
const LOOKS = 10;
/** Milliseconds between two looks. */
const PAUSE = 10;
/** Chains whose heads are kept: those of all worker processes, and some that have ended. */
const MAX_HEADS = 64;

/** What the end of an earlier trail says; undefined where there is none. */
export async function findPredecessor(path: string, headPath: string, clock: Clock): Promise<Predecessor | undefined> {
  const tail = await stillTail(path, clock);
  const end = tail.lastIndexOf(0x0a) + 1;
  const cut = tail.length - end;
  const lines = tail.toString('utf8', 0, end).split('\n').slice(0, -1);
  const after = lines.map(parseLine).findLast(isChained);
  const kept = (await readHeads(headPath)).map(parseLine).filter(isChained);
  const found: Predecessor = {
    ...(after === undefined ? {} : { after: nameOf(after) }),
    ...(cut === 0 ? {} : { cut }),
    ...lostOf(kept, after === undefined ? undefined : nameOf(after)),
  };
  // What comes next must not be read as the rest of a line that was cut.
  if (cut > 0) await endLine(path);
  return Object.keys(found).length === 0 ? undefined : found;
}

/** The heads to keep beside the new one: the last of each other chain. */
export async function keptHeads(headPath: string, checkpoint: string): Promise<string> {
  const own = parseLine(checkpoint.trimEnd());
  const others = (await readHeads(headPath)).filter((line) => {
    const head = parseLine(line);
    return isChained(head) && head.chain !== own?.chain;
  });
  return [...others.slice(1 - MAX_HEADS), checkpoint.trimEnd(), ''].join('\n');
}

/** A checkpoint of the chain that the file ends with, but of a later line than the file has. */
function lostOf(kept: readonly LineName[], after: LineName | undefined): Pick<Predecessor, 'lost'> {
  const last = kept.at(-1);
  if (last === undefined) return {};
  if (after === undefined) return { lost: nameOf(last) };
  const same = kept.find(({ chain }) => chain === after.chain);
  return same !== undefined && same.seq > after.seq ? { lost: nameOf(same) } : {};
}

function nameOf({ chain, seq, hash }: LineName): LineName {
  return { chain, seq, hash };
}

/** A last line without its end may be one that another process writes at this moment: what stays as it is has been cut. */
async function stillTail(path: string, clock: Clock): Promise<Buffer> {
  const { signal } = new AbortController();
  let tail = await readTail(path);
  for (let looks = 0; looks < LOOKS && isCut(tail.bytes); ) {
    await clock.sleep(PAUSE, signal);
    const next = await readTail(path);
    looks = next.size === tail.size ? looks + 1 : 0;
    tail = next;
  }
  return tail.bytes;
}

function isCut(bytes: Buffer): boolean {
  return bytes.length > 0 && bytes.at(-1) !== 0x0a;
}

async function readTail(path: string): Promise<{ readonly size: number; readonly bytes: Buffer }> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.min(size, TAIL));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, size - buffer.length);
    return { size, bytes: buffer.subarray(0, bytesRead) };
  } finally {
    await handle.close();
  }
}

async function endLine(path: string): Promise<void> {
  const handle = await open(path, 'a');
  try {
    await handle.write('\n');
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function readHeads(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return text.split('\n').filter((line) => line !== '');
}
