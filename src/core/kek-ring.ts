import type { Call } from './call.ts';
import type { Context } from './context.ts';
import { KeysteadError, type Reason } from './errors.ts';
import type { Kek, WrappedKey } from './kek.ts';
import type { SecretBytes } from './secret-bytes.ts';

/**
 * One KEK made of the current one and former ones: how a store moves from KEK to KEK, also from cloud to cloud.
 *
 * Promises: only the current one wraps; the one that a wrapped key names unwraps it. A wrapped key whose KEK bears none
 * of these names is tried with the KEKs of the same kind, because one KEK may go by several names (an AWS key by alias and
 * ARN), and because Constellation's records name the kind alone; none can open what another wrapped. Whatever cannot be
 * opened so is `unknown-kek`, with the name of the KEK that is missing.
 * Closes all of them. `check` asks the current one only: a former one that is away keeps no new key from being made.
 */
export function kekRing(current: Kek, former: readonly Kek[]): Kek {
  const all = [current, ...former];
  return {
    uri: current.uri,
    wrap: (key, context, call) => current.wrap(key, context, call),
    async unwrap(wrapped, context, call) {
      const named = all.filter(({ uri }) => uri === wrapped.kek);
      if (named.length > 0) return unwrapWith(named, wrapped, context, call);
      const alike = all.filter(({ uri }) => kindOf(uri) === kindOf(wrapped.kek));
      try {
        if (alike.length > 0) return await unwrapWith(alike, wrapped, context, call);
      } catch (error) {
        if (!isOfAnother(error)) throw error;
        throw unknownKek(wrapped, all, error);
      }
      throw unknownKek(wrapped, all, undefined);
    },
    check: (call) => current.check(call),
    async close() {
      for (const kek of all.toReversed()) await kek.close();
    },
  };
}

/** The first that can; where none can, what the first one said. */
async function unwrapWith(
  keks: readonly Kek[],
  wrapped: WrappedKey,
  context: Context,
  call: Call,
): Promise<SecretBytes> {
  let first: unknown;
  for (const kek of keks) {
    try {
      return await kek.unwrap(wrapped, context, call);
    } catch (error) {
      if (!isOfAnother(error)) throw error;
      first ??= error;
    }
  }
  throw first;
}

/** What a KEK says of a key that another one wrapped; anything else is a failure of its own. */
const OF_ANOTHER: ReadonlySet<Reason> = new Set([
  'context-mismatch',
  'fingerprint-mismatch',
  'record-corrupt',
  'no-kek',
  'wrong-region',
]);

function isOfAnother(error: unknown): boolean {
  return error instanceof KeysteadError && OF_ANOTHER.has(error.reason);
}

function kindOf(uri: string): string {
  return uri.replace(/\?.*$/s, '');
}

function unknownKek({ kek, version }: WrappedKey, all: readonly Kek[], cause: unknown): KeysteadError {
  const known = all.map(({ uri }) => uri).join(', ');
  return new KeysteadError(
    'unknown-kek',
    `the data key is wrapped by ${kek}, version ${version}, which is none of the KEKs here (${known}); add it to the former KEKs`,
    { cause },
  );
}
