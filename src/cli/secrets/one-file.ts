import type { SecretsFile } from '../../secrets-file/secrets-file.ts';
import type { Io } from '../io.ts';
import { inFile, readInput } from './files.ts';
import { openWork, type SealOptions, type Work } from './work.ts';

/** Reads one file, and closes what was opened for it when `use` is over. */
export async function withFile<T>(
  io: Io,
  path: string,
  options: SealOptions,
  use: (opened: { readonly file: SecretsFile; readonly text: string; readonly work: Work }) => Promise<T>,
): Promise<T> {
  const { readSecretsFile } = await import('../../secrets-file/secrets-file.ts');
  const { name, text } = await readInput(path, io);
  const file = readSecretsFile(text, name);
  const work = await openWork(io, options);
  try {
    return await inFile(name, () => use({ file, text, work }));
  } finally {
    await work.close();
  }
}
