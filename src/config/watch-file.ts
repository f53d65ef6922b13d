import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { readSmallFile } from './read-small-file.ts';

/** What stands at a path now: all of a file, or why it cannot be read, as `node:fs` says it. */
export type Sight = { readonly bytes: Buffer } | { readonly error: NodeJS.ErrnoException };

export interface FileWatch {
  /** Resolves when nothing will be told any more. */
  close(): Promise<void>;
}

const INTERVAL = 1000;

interface WatchOptions {
  /** Bytes; a larger file is an error. */
  readonly max: number;
  readonly clock: Clock;
  /** Milliseconds between two looks. */
  readonly interval?: number;
}

interface FilesOptions extends WatchOptions {
  readonly paths: readonly string[];
  /** What they hold as far as is known already, in the order of `paths`. */
  readonly last?: readonly Uint8Array[];
  /** Must not throw. */
  seen(sights: readonly Sight[]): void | Promise<void>;
}

/**
 * Tells when a file is another one: its content has changed, it cannot be read any more, or it can be read again.
 *
 * Promises: looks through symbolic links each time, so that a mounted ConfigMap or Secret, whose `..data` link is
 * swapped, is seen like a file that is written in place; a file is told of when it has rested for one interval, so that
 * one that is still being written is not; it is read once, and what is told is what was read; the same content again is
 * not told, unless the file was away in between; nothing is told before the last telling has ended. A pipe or a device
 * is an error and never waited for.
 *
 * @param options.last the content that is known already.
 * @param options.seen must not throw.
 */
export function watchFile({
  path,
  last,
  seen,
  ...options
}: WatchOptions & {
  readonly path: string;
  readonly last?: Uint8Array;
  seen(sight: Sight): void | Promise<void>;
}): FileWatch {
  return watchFiles({
    ...options,
    paths: [path],
    ...(last === undefined ? {} : { last: [last] }),
    seen: ([sight]) => seen(sight as Sight),
  });
}

/** As `watchFile`, for files that belong together: they are told of together, when all have rested. */
export function watchFiles(options: FilesOptions): FileWatch {
  const { clock, interval = INTERVAL } = options;
  const closing = new AbortController();
  const watcher = new Watcher(options);
  const looks = async () => {
    while (!closing.signal.aborted) {
      try {
        await clock.sleep(interval, closing.signal);
      } catch {
        return;
      }
      await watcher.look(closing.signal);
    }
  };
  const ended = looks();
  return {
    close() {
      closing.abort();
      return ended;
    },
  };
}

class Watcher {
  readonly #options: FilesOptions;
  /** What was told last. */
  #told: string | undefined;
  /** What the last look saw, without reading. */
  #outside: string | undefined;
  #settled = false;

  constructor(options: FilesOptions) {
    this.#options = options;
    this.#told = options.last?.map(contentMark).join();
  }

  async look(closing: AbortSignal): Promise<void> {
    const outside = await this.#outsides();
    if (outside !== this.#outside) {
      this.#outside = outside;
      this.#settled = false;
      return;
    }
    if (this.#settled) return;
    const { paths, max } = this.#options;
    const sights = await Promise.all(paths.map((path) => read(path, max)));
    // Written to while it was read: what was read may be a bit of both.
    if ((await this.#outsides()) !== outside || closing.aborted) return;
    this.#settled = true;
    const mark = sights
      .map((sight) => ('bytes' in sight ? contentMark(sight.bytes) : `error ${sight.error.code}`))
      .join();
    if (mark === this.#told) return;
    this.#told = mark;
    await this.#options.seen(sights);
  }

  async #outsides(): Promise<string> {
    return (await Promise.all(this.#options.paths.map(outsideOf))).join();
  }
}

async function read(path: string, max: number): Promise<Sight> {
  try {
    return { bytes: await readSmallFile(path, max) };
  } catch (error) {
    return { error: error as NodeJS.ErrnoException };
  }
}

/** Changes with every write, rename and swap of a link: cheap to ask for again and again. */
async function outsideOf(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join();
  } catch (error) {
    return `error ${(error as NodeJS.ErrnoException).code}`;
  }
}

function contentMark(bytes: Uint8Array): string {
  return `content ${createHash('sha256').update(bytes).digest('hex')}`;
}
