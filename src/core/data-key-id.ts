import { KeysteadError } from './errors.ts';

/** Bytes of UTF-8. */
export const MAX_ID_LENGTH = 4096;

/** Characters of an id that an error text shows. */
const SHOWN = 64;

/** An id for the one line of an error text: in quotes, cut short, and whatever cannot be seen is escaped. */
export function shownDataKeyId(id: string): string {
  const characters = [...id.slice(0, 2 * SHOWN + 1)];
  const shown = JSON.stringify(characters.slice(0, SHOWN).join('')).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, escaped);
  return characters.length > SHOWN ? `${shown.slice(0, -1)}…"` : shown;
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16)}}`;
}

/**
 * Throws `bad-id` unless `id` is 1 to 4096 bytes of UTF-8. Every character is allowed, `/`, `..` and NUL included; ids
 * are compared bytewise and never normalised. A lone surrogate has no UTF-8 form: two such ids would share one key.
 */
export function assertDataKeyId(id: unknown): asserts id is string {
  if (typeof id !== 'string') throw new KeysteadError('bad-id', `the data key id must be a string, not ${typeof id}`);
  if (id.length === 0) throw new KeysteadError('bad-id', 'the data key id is empty; give 1 to 4096 bytes');
  if (!id.isWellFormed())
    throw new KeysteadError('bad-id', 'the data key id holds a lone surrogate; give valid Unicode');
  // A UTF-16 unit has at most three bytes of UTF-8, so most ids need no counting.
  if (id.length * 3 <= MAX_ID_LENGTH) return;
  const bytes = Buffer.byteLength(id);
  if (bytes > MAX_ID_LENGTH) {
    throw new KeysteadError('bad-id', `the data key id is ${bytes} bytes long, at most ${MAX_ID_LENGTH} are allowed`);
  }
}
