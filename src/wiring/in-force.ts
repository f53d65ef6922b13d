import type { Ambient } from './ambient.ts';

/**
 * Files as the other processes of one service have them in force. A process that starts while a file is broken works
 * with what its siblings work with.
 */
export interface InForce {
  find(path: string): Uint8Array | undefined;
  /** What this process has in force from now on. */
  keep(path: string, bytes: Uint8Array): void;
}

type ReadFile = Ambient['readFile'];

/** What was read, and what is wrong with the files where it was not read from them. */
export interface Found<T> {
  readonly value: T;
  readonly failure?: unknown;
}

/**
 * Reads what some files say; where they are not fit, and another process has fit ones in force, what those say. Throws
 * what `read` throws of the files.
 */
export async function readOrInForce<T>(
  paths: readonly string[],
  read: (readFile: ReadFile) => Promise<T>,
  { readFile, inForce }: { readonly readFile: ReadFile; readonly inForce?: InForce | undefined },
): Promise<Found<T>> {
  try {
    return { value: await read(readFile) };
  } catch (failure) {
    const copies = new Map(paths.map((path) => [path, inForce?.find(path)]));
    if (inForce === undefined || [...copies.values()].includes(undefined)) throw failure;
    const value = await read(async (path) => Buffer.copyBytesFrom(copies.get(path) as Uint8Array));
    return { value, failure };
  }
}
