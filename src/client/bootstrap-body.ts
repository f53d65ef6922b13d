import { base64Length, writeBase64 } from '../core/encoding.ts';
import { KeysteadError } from '../core/errors.ts';
import { SecretBytes } from '../core/secret-bytes.ts';

/** Throws `bad-request`. */
export function assertSecrets(secrets: Parameters<typeof bootstrapBody>[0]): void {
  const given: { readonly [name: string]: unknown } | null | undefined = secrets;
  if (given?.['generate'] === true) return;
  if (given?.['masterSecret'] instanceof SecretBytes && given['salt'] instanceof SecretBytes) return;
  throw new KeysteadError('bad-request', 'give masterSecret and salt as SecretBytes, or { generate: true }');
}

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
