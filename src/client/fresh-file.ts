import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { KeysteadError } from '../core/errors.ts';
import { unreadable } from '../core/unreadable.ts';

/** Bytes; tokens and certificates have a few thousand. */
const MAX_SIZE = 1_048_576;

/**
 * A file that others may replace while we run, as Kubernetes replaces tokens and certificates. `read` gives the same
 * buffer until the file is another one. A pipe or a device is refused and never waited for; a link to a file is a file.
 * Throws `no-file` or `cannot-read`.
 */
export class FreshFile {
  readonly #path: string;
  readonly #what: string;
  #last: { readonly seen: string; readonly bytes: Uint8Array } | undefined;

  /** @param what names the file in error texts: `token file`. */
  constructor(path: string, what: string) {
    this.#path = path;
    this.#what = what;
  }

  async read(): Promise<Uint8Array> {
    let handle: FileHandle | undefined;
    try {
      const last = this.#last;
      if (last !== undefined && this.#stateOf(await stat(this.#path)) === last.seen) return last.bytes;
      // Opening a pipe would wait for its writer; with O_NONBLOCK it does not, and is then refused as no file.
      handle = await open(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
      const seen = this.#stateOf(await handle.stat());
      const bytes = await handle.readFile();
      this.#last = { seen, bytes };
      return bytes;
    } catch (error) {
      throw error instanceof KeysteadError ? error : unreadable(this.#name, error);
    } finally {
      await handle?.close();
    }
  }

  get #name(): string {
    return `the ${this.#what} ${this.#path}`;
  }

  /** What tells one state of the file from the next. */
  #stateOf(stats: Stats): string {
    if (!stats.isFile()) throw new KeysteadError('cannot-read', `${this.#name} is not a file`);
    const { ino, mtimeMs, size } = stats;
    if (size > MAX_SIZE) throw new KeysteadError('cannot-read', `${this.#name} is larger than 1 MiB`);
    return `${ino} ${mtimeMs} ${size}`;
  }
}
