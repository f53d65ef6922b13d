import { createHash } from 'node:crypto';
import type { Context } from '../../core/context.ts';

/** Characters that policies, CloudTrail and the wire all keep as they are; no more of them than CloudTrail shows. */
const PLAIN = /^[ -~]{1,1024}$/;

/**
 * A context as AWS KMS takes it (docs/reference/providers/aws.md): at most 8 KB in all, and shown in CloudTrail.
 *
 * A value of 1 to 1024 printable ASCII characters is bound as it is. Any other is bound under its name with `Sha256`
 * behind it, as the SHA-256 of its UTF-8 bytes in lower-case hex, so that every id of 4096 bytes fits and none is changed
 * on the way. Undefined for an empty context.
 */
export function encryptionContext(context: Context): Record<string, string> | undefined {
  const pairs = Object.entries(context).map(([name, value]) =>
    PLAIN.test(value) ? [name, value] : hashed(name, value),
  );
  return pairs.length === 0 ? undefined : Object.fromEntries(pairs);
}

function hashed(name: string, value: string): [string, string] {
  return [`${name}Sha256`, createHash('sha256').update(value, 'utf8').digest('hex')];
}
