import { fdatasyncSync, statSync, writeSync } from 'node:fs';
import { constants } from 'node:os';

/** What a path leads to. */
export interface Standing {
  readonly ino: bigint;
  readonly size: bigint;
}

/** How an append went. */
export interface Appended {
  /** Bytes that the file took; nobody knows whether they are on the disk unless all went well. */
  readonly written: number;
  /** Of what failed, as an error of `node:fs` has it; 0 where nothing did. */
  readonly errno: number;
  /** What the path led to once all was written and synced; undefined where there was nothing. */
  readonly standing?: Standing | undefined;
}

/**
 * Writes to the end of a file, syncs it, and looks where its path leads then. Blocks its thread for as long as the disk
 * takes; never throws. A write that is cut short is not synced.
 */
export function syncedAppend(fd: number, path: string, lines: Uint8Array, sync = fdatasyncSync): Appended {
  let written = 0;
  try {
    written = writeSync(fd, lines);
    if (written < lines.length) return { written, errno: 0 };
    sync(fd);
    const found = statSync(path, { bigint: true, throwIfNoEntry: false });
    return { written, errno: 0, standing: found === undefined ? undefined : { ino: found.ino, size: found.size } };
  } catch (error) {
    return { written, errno: (error as NodeJS.ErrnoException).errno ?? -constants.errno.EIO };
  }
}
