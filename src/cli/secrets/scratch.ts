import { access, constants, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { KeysteadError } from '../../core/errors.ts';
import { guarded } from '../../files/guard.ts';
import { fileFailure } from '../../files/new-file.ts';
import type { Io } from '../io.ts';
import { decoded } from './files.ts';

/** A file that only its owner may read, in memory where the system has such a place, for as long as `use` runs. */
export async function withScratchFile<T>(
  { env }: Pick<Io, 'env'>,
  name: string,
  text: string,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const place = await placeInMemory(env);
  const dir = await mkdtemp(join(place, 'keystead-')).catch((error: unknown) => {
    throw fileFailure(place, error);
  });
  const guard = guarded(dir);
  try {
    const path = join(dir, basename(name));
    await writeFile(path, text, { mode: 0o600, flag: 'wx' }).catch((error: unknown) => {
      throw fileFailure(path, error);
    });
    return await use(path);
  } finally {
    await rm(dir, { recursive: true, force: true });
    guard.release();
  }
}

/** What an editor left. Throws `tool-failed` where it left no file, and `bad-secrets-file` where it is not UTF-8. */
export async function readScratch(path: string): Promise<string> {
  const bytes = await readFile(path).catch((error: unknown) => {
    throw new KeysteadError('tool-failed', 'the editor left no file that can be read; nothing was changed', {
      cause: error,
    });
  });
  return decoded(bytes, 'what the editor left');
}

async function placeInMemory(env: Io['env']): Promise<string> {
  for (const place of ['/dev/shm', env['XDG_RUNTIME_DIR']]) {
    if (place === undefined) continue;
    try {
      await access(place, constants.W_OK);
      return place;
    } catch {
      // the next one
    }
  }
  return tmpdir();
}
