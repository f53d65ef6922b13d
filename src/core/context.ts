import { lengthPrefixed } from './encoding.ts';
import { KeysteadError } from './errors.ts';

/** Names and values bound to a wrap or a seal: what was wrapped under one context does not open under another. */
export type Context = Readonly<Record<string, string>>;

/**
 * The one canonical byte form of a context, used as associated data (docs/formats/context.md): the pairs sorted by the
 * UTF-8 bytes of their names, then names and values in turn as a length-prefixed list.
 *
 * Throws `bad-request` on a lone surrogate: it has no UTF-8 form, and two contexts would share one.
 */
export function contextBytes(context: Context): Uint8Array {
  const pairs = Object.entries(context).map(([name, value]) => [utf8(name), utf8(value)] as const);
  pairs.sort(([a], [b]) => Buffer.compare(a, b));
  return lengthPrefixed(pairs.flat());
}

/** The context of a stored data key: what makes two stored records unswappable. */
export function dataKeyContext(id: string, version: number, length: number): Context {
  return { keystead: '1', id, version: String(version), length: String(length) };
}

function utf8(text: string): Buffer {
  if (!text.isWellFormed()) throw new KeysteadError('bad-request', 'a context holds a lone surrogate');
  return Buffer.from(text);
}
