import { readFile, stat } from 'node:fs/promises';
import { KeysteadError } from '../core/errors.ts';

/** Bytes; tokens and certificates have a few thousand. */
const MAX_SIZE = 1_048_576;

/**
 * A file that others may replace while we run, as Kubernetes replaces tokens and certificates. `read` gives the same
 * buffer until the file is another one. Throws `no-file` or `cannot-read`.
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
    try {
      const { ino, mtimeMs, size } = await stat(this.#path);
      const seen = `${ino} ${mtimeMs} ${size}`;
      if (this.#last?.seen === seen) return this.#last.bytes;
      if (size > MAX_SIZE)
        throw new KeysteadError('cannot-read', `the ${this.#what} ${this.#path} is larger than 1 MiB`);
      const bytes = await readFile(this.#path);
      this.#last = { seen, bytes };
      return bytes;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  #failure(error: unknown): KeysteadError {
    if (error instanceof KeysteadError) return error;
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    const file = `the ${this.#what} ${this.#path}`;
    return code === 'ENOENT'
      ? new KeysteadError('no-file', `${file} is not there`, { cause: error })
      : new KeysteadError('cannot-read', `${file} cannot be read (${code})`, { cause: error });
  }
}
