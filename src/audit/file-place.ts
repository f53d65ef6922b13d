import { constants } from 'node:fs';
import { type FileHandle, open, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import { findPredecessor, keptHeads } from './file-tail.ts';
import type { LinePlace } from './place.ts';

export interface FilePlaceOptions {
  readonly path: string;
  /** Bytes after which the file is put aside. */
  readonly maxSize: number;
  readonly clock: Clock;
  /** That of no other process: two that put a file aside at once must not take one name for it. */
  readonly mark: string;
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
}

/**
 * A file that lines are appended to and synced (fdatasync) before anybody is told that they are written. Several
 * processes may share one: each `append` is one write at the end of the file.
 *
 * Promises: a file that was deleted or moved away underneath is begun anew before the next line counts as written; a
 * file that has grown beyond `maxSize` is put aside as `PATH.TIME`, and the chain goes on in a new one; a write that
 * was cut short by a full disk is taken back, so that the same lines can be written whole later.
 */
export function filePlace({ path, maxSize, clock, mark }: FilePlaceOptions): LinePlace {
  const headPath = `${path}.head`;
  let file: Opened | undefined;
  let aside = 0;

  const current = async (): Promise<Opened> => {
    if (file !== undefined && (await inodeOf(path)) === file.inode) return file;
    await file?.handle.close();
    file = undefined;
    file = await openFile(path);
    return file;
  };
  const putAside = async (full: Opened): Promise<void> => {
    // Another process may have done it since.
    if ((await inodeOf(path)) !== full.inode) return;
    const time = clock.now().toISOString().replaceAll(/[-:]/g, '');
    try {
      await rename(path, `${path}.${time}-${mark}${aside++}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    await syncFolder(path);
  };
  return {
    name: `file://${path}`,
    maxBatch: MAX_BATCH,
    recovers: true,
    async open() {
      await current();
      return findPredecessor(path, headPath);
    },
    async append(lines) {
      let at = await current();
      if (at.size >= maxSize) {
        await putAside(at);
        at = await current();
      }
      await appendAndSync(at, lines);
      // Deleted between the look and the write: then these lines are gone with it. Put aside, they are kept there.
      if ((await at.handle.stat()).nlink === 0) await appendAndSync(await current(), lines);
    },
    async keepHead(checkpoint) {
      const next = `${headPath}.new`;
      await unlink(next).catch(() => {});
      await writeFile(next, await keptHeads(headPath, checkpoint), { mode: MODE, flush: true });
      await rename(next, headPath);
      await syncFolder(path);
    },
    async close() {
      await file?.handle.close();
      file = undefined;
    },
  };
}

async function openFile(path: string): Promise<Opened> {
  const handle = await open(path, FLAGS, MODE);
  try {
    const { ino, size } = await handle.stat({ bigint: true });
    if (!(await handle.stat()).isFile()) {
      throw new KeysteadError('bad-config', `the audit sink file://${path} is not a file`);
    }
    await syncFolder(path);
    return { handle, inode: ino, size: Number(size) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function appendAndSync(file: Opened, lines: string): Promise<void> {
  await appendWhole(file, Buffer.from(lines));
  await file.handle.datasync();
}

/** Takes a write back that was cut short: half a line would look like tampering. */
async function appendWhole(file: Opened, bytes: Buffer): Promise<void> {
  const { size: before } = await file.handle.stat();
  let written = 0;
  try {
    written = (await file.handle.write(bytes)).bytesWritten;
    if (written < bytes.length) throw Object.assign(new Error('the write was cut short'), { code: 'ENOSPC' });
  } catch (error) {
    // Only where nobody else has written behind it meanwhile.
    const { size } = await file.handle.stat();
    if (written > 0 && size === before + written) await file.handle.truncate(before);
    throw error;
  }
  file.size = before + written;
}

async function inodeOf(path: string): Promise<bigint | undefined> {
  try {
    return (await stat(path, { bigint: true })).ino;
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
