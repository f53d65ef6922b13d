import { sha256Hex } from '../core/encoding.ts';

const FOLDER = 'data-keys/';
/** Every name ends with it, so that none ends with a dot or is `.` or `..`, which stores and URLs treat specially. */
const ENDING = '.json';
/** What the names of our own records beside the folder begin with. */
const OWN = 'keystead-';
/** Bytes of UTF-8 that S3, GCS and Azure Blob allow. */
const MAX_NAME_LENGTH = 1024;
/** Characters of an encoded id; with folder, hash and ending a name has at most 680, and S3 and GCS allow 1024. */
const MAX_ENCODED = 600;

/**
 * The store name of a data key's record (docs/formats/wrapped-record.md): the id, percent-encoded; where that is longer
 * than 600 characters, its first 600 and the SHA-256 of the id. No two ids share a name.
 */
export function recordName(id: string): string {
  const encoded = percentEncoded(id);
  // A short one has at most 600 characters, a long one 665: so neither can be the other.
  const short = encoded.length <= MAX_ENCODED;
  const unique = short ? encoded : `${encoded.slice(0, MAX_ENCODED)}.${sha256Hex(id)}`;
  return `${FOLDER}${unique}${ENDING}`;
}

/** Where Constellation keeps the data key of an id: under the id itself. */
export function blobName(id: string): string {
  return id;
}

/** Whether a name can be that of one of Constellation's records: none of our own, and one that the clouds take. */
export function isBlobName(name: string): boolean {
  return !name.startsWith(FOLDER) && !name.startsWith(OWN) && Buffer.byteLength(name) <= MAX_NAME_LENGTH;
}

/** What the names of all ids with such a prefix begin with; other names may begin with it, too. */
export function recordNamePrefix(idPrefix: string): string {
  return `${FOLDER}${percentEncoded(idPrefix).slice(0, MAX_ENCODED)}`;
}

/** Whether the record of that name, which nobody could read, may be that of an id with such a prefix. */
export function mayBeOfPrefix(name: string, idPrefix: string): boolean {
  if (isBlobName(name)) return name.startsWith(idPrefix);
  return name.endsWith(ENDING) && name.slice(0, -ENDING.length).startsWith(recordNamePrefix(idPrefix));
}

/** Every byte of UTF-8 but `A-Z a-z 0-9 . _ ~ -` as `%` and two upper-case hex digits. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}
