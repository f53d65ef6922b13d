import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MIN_MASTER_SECRET_LENGTH, MIN_SALT_LENGTH } from '../../core/derive.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { MasterSecret } from '../../core/kek.ts';
import { SecretBytes } from '../../core/secret-bytes.ts';

/** Bytes: far more than anybody needs, far less than hurts. */
const MAX_LENGTH = 64 * 1024;

/**
 * Reads the files `mastersecret` and `salt` of a folder, as Constellation mounts them. Bytes are bytes: nothing is
 * decoded, no newline is removed.
 *
 * Throws `no-file` when the folder or a file is not there, `cannot-read` when one cannot be read or is no file,
 * `bad-master-secret` or `bad-salt` when one has a wrong length; the text names the file and the advice.
 */
export async function readKekDir(dir: string): Promise<MasterSecret> {
  await assertFolder(dir);
  const masterSecret = await readSecret(join(dir, 'mastersecret'), MIN_MASTER_SECRET_LENGTH, 'bad-master-secret');
  try {
    return { masterSecret, salt: await readSecret(join(dir, 'salt'), MIN_SALT_LENGTH, 'bad-salt') };
  } catch (error) {
    masterSecret.dispose();
    throw error;
  }
}

async function assertFolder(dir: string): Promise<void> {
  const found = await stat(dir).catch((error: NodeJS.ErrnoException) => {
    throw cannotRead(`kek.dir ${dir}`, error);
  });
  if (!found.isDirectory()) throw new KeysteadError('cannot-read', `kek.dir ${dir} is not a folder`);
}

async function readSecret(file: string, min: number, reason: 'bad-master-secret' | 'bad-salt'): Promise<SecretBytes> {
  let handle: FileHandle | undefined;
  try {
    // Opening a pipe would wait for its writer; with O_NONBLOCK it does not, and is then refused as no file.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    if (!(await handle.stat()).isFile()) throw new KeysteadError('cannot-read', `${file} is not a file`);
    return await readBounded(handle, file, min, reason);
  } catch (error) {
    throw error instanceof KeysteadError ? error : cannotRead(file, error as NodeJS.ErrnoException);
  } finally {
    await handle?.close();
  }
}

/** Reads one byte more than allowed and no further, whatever size the file claims. */
async function readBounded(
  handle: FileHandle,
  file: string,
  min: number,
  reason: 'bad-master-secret' | 'bad-salt',
): Promise<SecretBytes> {
  // Not from the pool that all small buffers share: it is wiped below.
  const buffer = Buffer.alloc(MAX_LENGTH + 1);
  try {
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await handle.read(buffer, length, buffer.length - length, null);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    if (length > MAX_LENGTH) {
      throw new KeysteadError(
        reason,
        `${file} is longer than ${MAX_LENGTH} bytes; at least ${min} are needed, 32 advised`,
      );
    }
    if (length < min) {
      throw new KeysteadError(reason, `${file} is ${length} bytes long, at least ${min} are needed (32 advised)`);
    }
    return SecretBytes.copyOf(buffer.subarray(0, length));
  } finally {
    buffer.fill(0);
  }
}

function cannotRead(what: string, error: NodeJS.ErrnoException): KeysteadError {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') {
    const advice = 'make both files with `keystead kek generate --dir DIR`';
    return new KeysteadError('no-file', `${what} is not there; ${advice}`, { cause: error });
  }
  return new KeysteadError('cannot-read', `${what} cannot be read (${error.code ?? 'unknown error'})`, {
    cause: error,
  });
}
