import { sha256Hex } from '../core/encoding.ts';

/** Characters; stores take 700, and prefixes want some. */
const MAX_ENCODED = 500;

/** The store name of what is kept of a key: no two keys share one, and every name of a key has one. */
export function storedName(folder: string, keyName: string): string {
  const encoded = encodeURIComponent(keyName.toWellFormed()).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const unique = encoded.length <= MAX_ENCODED ? encoded : `${encoded.slice(0, MAX_ENCODED)}.${sha256Hex(keyName)}`;
  return `${folder}/${unique}.json`;
}
