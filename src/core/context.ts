import { lengthPrefixed } from './encoding.ts';

/** Names and values bound to a wrap or a seal: what was wrapped under one context does not open under another. */
export type Context = Readonly<Record<string, string>>;

/**
 * The one canonical byte form of a context, used as associated data (docs/formats/context.md): the pairs sorted by the
 * UTF-8 bytes of their names, then names and values in turn as a length-prefixed list.
 */
export function contextBytes(context: Context): Uint8Array {
  const pairs = Object.entries(context).map(([name, value]) => [Buffer.from(name), Buffer.from(value)] as const);
  pairs.sort(([a], [b]) => Buffer.compare(a, b));
  return lengthPrefixed(pairs.flat());
}

/** The context of a stored data key: what makes two stored records unswappable. */
export function dataKeyContext(id: string, version: number, length: number): Context {
  return { keystead: '1', id, version: String(version), length: String(length) };
}
