import { SecretBytes } from '../../core/secret-bytes.ts';

/** A file that a worker has in force from now on. */
export interface FileInForce {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * The primary's copies of the files that its workers watch, as the last of them found one fit to be used: for a worker
 * that is started while the file itself is broken.
 */
export class FilesInForce {
  readonly #files = new Map<string, SecretBytes>();

  /** Takes ownership of the bytes of a message. */
  keep({ path, bytes }: FileInForce): void {
    this.#files.get(path)?.dispose();
    this.#files.set(path, SecretBytes.own(bytes));
  }

  /** The bytes themselves, for a message that is sent at once. */
  plain(): ReadonlyMap<string, Uint8Array> {
    return new Map([...this.#files].map(([path, bytes]) => [path, bytes.expose()]));
  }

  dispose(): void {
    for (const bytes of this.#files.values()) bytes.dispose();
    this.#files.clear();
  }
}
