import { constants } from 'node:fs';
import { type FileHandle, open, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { getSystemErrorName } from 'node:util';
import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import { type Appender, appendAside } from './append-aside.ts';
import { findPredecessor, keptHeads } from './file-tail.ts';
import { FreeSpace } from './free-space.ts';
import type { LinePlace } from './place.ts';
import { isRecent } from './recent.ts';
import type { Appended, Standing } from './synced-append.ts';

export interface FilePlaceOptions {
  readonly path: string;
  /** Bytes after which the file is put aside. */
  readonly maxSize: number;
  readonly clock: Clock;
  /** That of no other process: two that put a file aside at once must not take one name for it. */
  readonly mark: string;
  /** Writes, syncs and looks; absent: a thread of its own. */
  readonly appender?: Appender;
}

/** Bytes that share one sync. */
const MAX_BATCH = 1024 * 1024;
const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
/** Nobody but the service reads who asked for which key. */
const MODE = 0o600;

interface Opened {
  readonly handle: FileHandle;
  readonly inode: bigint;
  size: number;
  /** When the path was last seen to lead to this file, in milliseconds since 1970. */
  seen: number;
  /** What a write that failed may have left at the end of the file. */
  torn?: Buffer | undefined;
}

/**
 * A file that lines are appended to and synced (fdatasync) before anybody is told that they are written. Several
 * processes may share one: each `append` is one write at the end of the file.
 *
 * Promises: lines count as written only in a file that the path led to after they were written, or that was moved away
 * with them within the last moment; a file that was deleted underneath is begun anew with them, and so is one that was
 * moved away longer ago. A file that has grown beyond `maxSize` is put aside as `PATH.TIME`, and the chain goes on in a
 * new one. What a write has left behind that was cut short by a full disk, or could not be synced, is taken back before
 * the same lines are written again.
 */
export function filePlace({ path, maxSize, clock, mark, appender = appendAside(path) }: FilePlaceOptions): LinePlace {
  const headPath = `${path}.head`;
  const space = new FreeSpace(dirname(path), clock);
  let file: Opened | undefined;
  let aside = 0;

  const now = () => clock.now().getTime();
  const current = async (): Promise<Opened> => {
    if (file !== undefined && isRecent(file.seen, now())) return file;
    return again();
  };
  /** Looks where the path leads. */
  const again = async (): Promise<Opened> => {
    if (file !== undefined && (await standing(path))?.ino === file.inode) {
      file.seen = now();
      return file;
    }
    if (file !== undefined) await leave(file);
    file = undefined;
    file = await openFile(path, now());
    return file;
  };
  const putAside = async (full: Opened): Promise<void> => {
    // Another process may have done it since.
    if ((await standing(path))?.ino !== full.inode) return;
    const time = clock.now().toISOString().replaceAll(/[-:]/g, '');
    try {
      await rename(path, `${path}.${time}-${mark}${aside++}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    await syncFolder(path);
  };
  const appendAndSync = async (to: Opened, lines: Buffer): Promise<void> => {
    if (to.torn !== undefined) await takeBack(to);
    const appended = await appender.append(to.handle.fd, lines);
    const { written, standing: found } = appended;
    const failure = failureOf(appended, lines.length);
    if (failure !== undefined) {
      // Written but not synced, it is on the disk, or not: it will be written again, and must not stand there twice.
      if (written > 0) await failed(to, lines.subarray(0, written));
      throw failure;
    }
    to.seen = now();
    if (found?.ino === to.inode) {
      to.size = Number(found.size);
      return;
    }
    to.seen = Number.NEGATIVE_INFINITY;
    // Moved away, the lines are kept there; deleted, they are gone with the file.
    if ((await to.handle.stat()).nlink === 0) await appendAndSync(await again(), lines);
  };
  return {
    name: `file://${path}`,
    maxBatch: MAX_BATCH,
    recovers: true,
    async open() {
      await again();
      return findPredecessor(path, headPath, clock);
    },
    async append(lines) {
      const bytes = Buffer.from(lines);
      await space.assertRoom(bytes.length);
      let at = await current();
      if (at.size >= maxSize) {
        await putAside(at);
        at = await again();
      }
      await appendAndSync(at, bytes);
    },
    async keepHead(checkpoint) {
      const next = `${headPath}.new`;
      await unlink(next).catch(() => {});
      await writeFile(next, await keptHeads(headPath, checkpoint), { mode: MODE, flush: true });
      await rename(next, headPath);
      await syncFolder(path);
    },
    async close() {
      if ((await appender.close()) && file !== undefined) await leave(file);
      file = undefined;
    },
  };
}

async function openFile(path: string, now: number): Promise<Opened> {
  const handle = await open(path, FLAGS, MODE);
  try {
    const { ino, size } = await handle.stat({ bigint: true });
    if (!(await handle.stat()).isFile()) {
      throw new KeysteadError('bad-config', `the audit sink file://${path} is not a file`);
    }
    await syncFolder(path);
    return { handle, inode: ino, size: Number(size), seen: now };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function leave(file: Opened): Promise<void> {
  await takeBack(file).catch(() => {});
  await file.handle.close();
}

/** The system's own word for it, if it did not go as it should. */
function failureOf({ written, errno }: Appended, length: number): Error | undefined {
  if (errno !== 0) return Object.assign(new Error('the append failed'), { code: getSystemErrorName(errno) });
  return written === length ? undefined : Object.assign(new Error('the write was cut short'), { code: 'ENOSPC' });
}

async function failed(file: Opened, left: Buffer): Promise<void> {
  file.torn = left;
  // If it cannot be taken back now, then before the next line is written.
  await takeBack(file).catch(() => {});
}

/**
 * Half a line, or one that stands there twice, would look like tampering. Where another process has written behind it,
 * it must stay.
 */
async function takeBack(file: Opened): Promise<void> {
  const { handle, torn } = file;
  if (torn === undefined) return;
  const { size } = await handle.stat();
  const end = Buffer.alloc(torn.length);
  const from = Math.max(0, size - torn.length);
  await handle.read(end, 0, end.length, from);
  if (end.equals(torn)) await handle.truncate(from);
  file.torn = undefined;
}

/** What the path leads to; undefined where there is nothing. */
async function standing(path: string): Promise<Standing | undefined> {
  try {
    return await stat(path, { bigint: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A new name lives through a crash when its folder is synced too. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), constants.O_RDONLY);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
