import { SecretBytes } from '../../core/secret-bytes.ts';
import type { Ambient } from '../../wiring/ambient.ts';

type ReadFile = Ambient['readFile'];

/** What a file held, or the code of the error with which it could not be read. */
type Read<Bytes> = Bytes | { readonly code: string };

/** A snapshot on its way to a worker. */
export type PlainFiles = ReadonlyMap<string, Read<Uint8Array>>;

/** Bytes. Whoever reads one has a limit of its own. */
const MAX_FILE = 1024 * 1024;

/**
 * What only a reload reads anew, as it was when the primary read it: the token of the administrator. A worker that is
 * started between two reloads is to serve what the others serve, whatever the file holds by then.
 */
export class FileSnapshot {
  readonly #files: ReadonlyMap<string, Read<SecretBytes>>;

  private constructor(files: ReadonlyMap<string, Read<SecretBytes>>) {
    this.#files = files;
  }

  /** A file that cannot be read is part of it: every worker is told the same error. */
  static async read(paths: readonly string[], readFile: ReadFile): Promise<FileSnapshot> {
    const read = async (path: string) => [path, await held(path, readFile)] as const;
    return new FileSnapshot(new Map(await Promise.all(paths.map(read))));
  }

  /** The bytes themselves, for a message that is sent at once. */
  plain(): PlainFiles {
    const entries = [...this.#files].map(([path, read]) => {
      return [path, read instanceof SecretBytes ? read.expose() : read] as const;
    });
    return new Map(entries);
  }

  dispose(): void {
    for (const read of this.#files.values()) if (read instanceof SecretBytes) read.dispose();
  }
}

/** Reads out of a snapshot what is in it, and everything else from where it is. */
export function snapshotReader(files: PlainFiles, readFile: ReadFile): ReadFile {
  return async (path, max) => {
    const read = files.get(path);
    if (read === undefined) return readFile(path, max);
    if ('code' in read) throw failure(path, read.code);
    if (read.length > max) throw failure(path, `it is larger than ${max} bytes`);
    return Buffer.copyBytesFrom(read);
  };
}

async function held(path: string, readFile: ReadFile): Promise<Read<SecretBytes>> {
  try {
    return SecretBytes.own(await readFile(path, MAX_FILE));
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code ?? 'unknown error' };
  }
}

/** As `node:fs` would fail. */
function failure(path: string, code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${path} cannot be read: ${code}`), { code });
}
