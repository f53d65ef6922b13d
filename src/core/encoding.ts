import { KeysteadError, type Reason } from './errors.ts';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/**
 * Reads base64 or base64url, padded or not, as proto3 JSON does on input; refuses everything else: white space, mixed
 * alphabets, wrong padding, bits left over in the last character.
 *
 * @param what names the value in the error text, which never holds the value itself.
 */
export function fromBase64(text: string, reason: Reason, what: string): Uint8Array {
  const mixed = /[+/]/.test(text) && /[-_]/.test(text);
  const standard = text.replaceAll('-', '+').replaceAll('_', '/');
  const bytes = Buffer.from(standard, 'base64');
  const unpadded = standard.replace(/=+$/, '');
  if (mixed || !BASE64.test(standard) || bytes.toString('base64').replace(/=+$/, '') !== unpadded) {
    bytes.fill(0);
    throw new KeysteadError(reason, `${what} is not base64 (give standard base64 or base64url, no white space)`);
  }
  return bytes;
}

/** Standard base64 with padding, as proto3 JSON writes `bytes`. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** `count`, `length(part 1)`, `part 1`, …: lengths as 32-bit big-endian, so that no two lists share one encoding. */
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
