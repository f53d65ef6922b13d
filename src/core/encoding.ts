import { createHash } from 'node:crypto';
import { KeysteadError, type Reason } from './errors.ts';

const STANDARD = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
const URL_SAFE = /^(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}(?:==)?|[A-Za-z0-9_-]{3}=?)?$/;
/** Last characters whose unused low bits are zero, where the last group has two or three characters. */
const LAST_OF_TWO = /[AQgw](?:==)?$/;
const LAST_OF_THREE = /[AEIMQUYcgkosw048]=?$/;

/**
 * Reads base64 or base64url, padded or not, as proto3 JSON does on input; refuses everything else: white space, mixed
 * alphabets, wrong padding, bits left over in the last character. The bytes have memory of their own, so that wiping
 * them wipes them.
 *
 * @param what names the value in the error text, which never holds the value itself.
 */
export function fromBase64(text: string, reason: Reason, what: string): Uint8Array {
  const characters = text.endsWith('==') ? text.length - 2 : text.endsWith('=') ? text.length - 1 : text.length;
  const rest = characters % 4;
  const whole = rest === 0 || (rest === 2 ? LAST_OF_TWO : LAST_OF_THREE).test(text);
  if (!whole || !(STANDARD.test(text) || URL_SAFE.test(text))) {
    throw new KeysteadError(reason, `${what} is not base64 (give standard base64 or base64url, no white space)`);
  }
  // Not Buffer.from(text, 'base64'): that may place a secret in the pool that all small buffers share.
  const bytes = Buffer.allocUnsafeSlow(Math.floor((characters * 3) / 4));
  bytes.write(text, 'base64');
  return bytes;
}

/** Standard base64 with padding, as proto3 JSON writes `bytes`. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

const ALPHABET = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const PAD = 0x3d;

/** Characters of the standard base64, with padding, of so many bytes. */
export function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/** Standard base64 with padding, written into `out` without a string in between, which nobody could wipe. */
export function writeBase64(out: Buffer, start: number, bytes: Uint8Array): void {
  let at = start;
  for (let from = 0; from < bytes.length; from += 3) {
    const left = bytes.length - from;
    const group =
      ((bytes[from] as number) << 16) |
      ((left > 1 ? (bytes[from + 1] as number) : 0) << 8) |
      (left > 2 ? (bytes[from + 2] as number) : 0);
    out[at++] = ALPHABET[group >> 18] as number;
    out[at++] = ALPHABET[(group >> 12) & 63] as number;
    out[at++] = left > 1 ? (ALPHABET[(group >> 6) & 63] as number) : PAD;
    out[at++] = left > 2 ? (ALPHABET[group & 63] as number) : PAD;
  }
}

/** `count`, `length(part 1)`, `part 1`, …: numbers as 32-bit big-endian, so that no two lists share one encoding. */
export function lengthPrefixed(parts: readonly Uint8Array[]): Uint8Array {
  const out = Buffer.alloc(4 + parts.reduce((sum, part) => sum + 4 + part.length, 0));
  out.writeUInt32BE(parts.length, 0);
  let at = 4;
  for (const part of parts) {
    at = out.writeUInt32BE(part.length, at);
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The parts that `lengthPrefixed` joined, not copied; undefined for bytes that it never gave. */
export function lengthPrefixedParts(bytes: Uint8Array): Uint8Array[] | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.length < 4) return undefined;
  const parts: Uint8Array[] = [];
  let at = 4;
  for (let left = view.readUInt32BE(0); left > 0; left--) {
    if (view.length - at < 4) return undefined;
    const end = at + 4 + view.readUInt32BE(at);
    if (end > view.length) return undefined;
    parts.push(view.subarray(at + 4, end));
    at = end;
  }
  return at === view.length ? parts : undefined;
}

/** SHA-256 of bytes, or of a text's UTF-8, as 64 lower-case hex digits. */
export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
