import { base64Length, writeBase64 } from '../core/encoding.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';

/**
 * The JSON that gives the service its KEK, in bytes that the caller wipes: the secrets never become a string, which
 * nobody could wipe.
 */
export function bootstrapBody(
  secrets: { readonly masterSecret: SecretBytes; readonly salt: SecretBytes } | { readonly generate: true },
): Buffer {
  if ('generate' in secrets) return Buffer.from('{"generate":true}');
  const master = secrets.masterSecret.expose();
  const salt = secrets.salt.expose();
  const [head, middle, tail] = ['{"masterSecret":"', '","salt":"', '"}'] as const;
  const saltAt = head.length + base64Length(master.length) + middle.length;
  const out = Buffer.alloc(saltAt + base64Length(salt.length) + tail.length);
  out.write(head);
  writeBase64(out, head.length, master);
  out.write(middle, saltAt - middle.length);
  writeBase64(out, saltAt, salt);
  out.write(tail, out.length - tail.length);
  return out;
}
