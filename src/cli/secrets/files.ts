import { readFile } from 'node:fs/promises';
import { KeysteadError } from '../../core/errors.ts';
import { unreadable } from '../../core/unreadable.ts';
import type { Io } from '../io.ts';

/** Standard input. */
export const STDIN = '-';

/** A file as it was read. */
export interface Input {
  /** For messages. */
  readonly name: string;
  readonly text: string;
}

/** Reads a file or, for `-`, standard input. Throws `no-file`, `cannot-read`, or `bad-secrets-file` where it is not UTF-8. */
export async function readInput(path: string, io: Io): Promise<Input> {
  const name = path === STDIN ? 'standard input' : path;
  const bytes = await (path === STDIN ? readAll(io) : readFile(path)).catch((error: unknown) => {
    throw unreadable(name, error);
  });
  return { name, text: decoded(bytes, name) };
}

/** Does work on one file: a failure that does not say which file it is about says so. */
export async function inFile<T>(name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof KeysteadError) || error.code === 'canceled' || error.reason === 'bad-usage') throw error;
    if (error.message.startsWith(name)) throw error;
    throw error.saying(`${name}: ${error.message}`);
  }
}

async function readAll({ stdin }: Io): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin ?? []) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Throws `bad-secrets-file` where bytes are not UTF-8: what stands in the place of a byte would be sealed for it. */
export function decoded(bytes: Buffer, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    throw new KeysteadError('bad-secrets-file', `${name}: it is not UTF-8`, { cause: error });
  }
}
