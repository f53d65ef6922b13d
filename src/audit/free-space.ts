import type { StatsFs } from 'node:fs';
import { statfs } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { isRecent } from './recent.ts';

/** Bytes that stay free, of a small file system as many as this part of it. */
const RESERVE = 1024 * 1024;
const PART = 20;
/** Bytes: with so many, the next look may wait. */
const PLENTY = 256 * 1024 * 1024;

/** As statfs(2) tells it. */
export type Space = Pick<StatsFs, 'bavail' | 'blocks' | 'bsize'>;

/**
 * The room on the file system of a folder.
 *
 * Promises: nothing is written that would take the last of it. A disk that fills up is refused before a write is cut
 * short in the middle of a line: where several processes write to one file, nobody can take half a line back for sure.
 */
export class FreeSpace {
  readonly #folder: string;
  readonly #clock: Clock;
  #free = 0;
  #seen = Number.NEGATIVE_INFINITY;

  readonly #ask: (folder: string) => Promise<Space>;

  constructor(folder: string, clock: Clock, ask: (folder: string) => Promise<Space> = statfs) {
    this.#folder = folder;
    this.#clock = clock;
    this.#ask = ask;
  }

  /** Throws what the system would say of a full disk. */
  async assertRoom(bytes: number): Promise<void> {
    if (this.#free > PLENTY && isRecent(this.#seen, this.#clock.now().getTime())) return;
    const { bavail, blocks, bsize } = await this.#ask(this.#folder);
    this.#free = bavail * bsize;
    this.#seen = this.#clock.now().getTime();
    // Some file systems do not tell.
    if (blocks === 0) return;
    const reserve = Math.min(RESERVE, Math.floor((blocks * bsize) / PART));
    if (this.#free >= reserve + bytes) return;
    throw Object.assign(new Error(`less than ${reserve + bytes} bytes are free`), { code: 'ENOSPC' });
  }
}
