import { open, SEAL_KEY_LENGTH, seal } from '../core/aead.ts';
import type { Call } from '../core/call.ts';
import type { Random } from '../core/clock.ts';
import type { Context } from '../core/context.ts';
import { toBase64 } from '../core/encoding.ts';
import { KeysteadError } from '../core/errors.ts';
import { JsonFields } from '../core/json-fields.ts';
import type { Kek, WrappedKey } from '../core/kek.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import { parseStrictJson } from '../core/strict-json.ts';

const FORMAT = 1;
/** Bytes. */
const MAX_TEXT = 8192;

/** What opens sealed values. */
export interface Opener {
  readonly kek: Kek;
  /** The call of each wrap and unwrap, with its deadline. */
  readonly call: () => Call;
}

/**
 * Seals a JSON value: AES-256-GCM under a fresh content key, which the KEK wraps; both under the context
 * (docs/formats/key-manager.md). Throws what `wrap` of the KEK throws.
 */
export async function sealJson(
  { kek, random, call }: Opener & { readonly random: Random },
  value: unknown,
  context: Context,
): Promise<Uint8Array> {
  const content = SecretBytes.own(random.bytes(SEAL_KEY_LENGTH));
  const plain = SecretBytes.own(new TextEncoder().encode(JSON.stringify(value)));
  try {
    const sealed = seal(content, plain, context, random);
    const { bytes, ...wrapped } = await kek.wrap(content, context, call());
    return Buffer.from(
      JSON.stringify({ keystead: FORMAT, ...wrapped, wrapped: toBase64(bytes), sealed: toBase64(sealed) }),
    );
  } finally {
    content.dispose();
    plain.dispose();
  }
}

/** Opens what `sealJson` gave. Throws `record-corrupt`, `context-mismatch`, and what `unwrap` of the KEK throws. */
export async function openJson({ kek, call }: Opener, stored: Uint8Array, context: Context): Promise<unknown> {
  const { wrapped, sealed } = read(stored);
  const content = await kek.unwrap(wrapped, context, call());
  try {
    const plain = open(content, sealed, context);
    try {
      return JSON.parse(Buffer.from(plain.expose()).toString());
    } finally {
      plain.dispose();
    }
  } finally {
    content.dispose();
  }
}

function read(stored: Uint8Array): { readonly wrapped: WrappedKey; readonly sealed: Uint8Array } {
  const fields = new JsonFields(parseStrictJson(stored, 1, corrupt), '', corrupt);
  const format = fields.integer('keystead', 1, 1_000_000);
  if (format !== FORMAT) throw corrupt(`has format ${format}, and format ${FORMAT} is known; use a newer version`);
  return {
    wrapped: {
      kek: fields.text('kek', MAX_TEXT),
      version: fields.text('version', MAX_TEXT),
      algorithm: fields.text('algorithm', MAX_TEXT),
      bytes: fields.base64('wrapped'),
    },
    sealed: fields.base64('sealed'),
  };
}

function corrupt(what: string): KeysteadError {
  return new KeysteadError('record-corrupt', `a sealed record of the key manager ${what}`);
}
