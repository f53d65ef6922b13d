import { isUtf8 } from 'node:buffer';
import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { sha256Hex } from '../core/encoding.ts';
import { KeysteadError } from '../core/errors.ts';
import type { ParameterStore } from '../core/parameters.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';
import type { KeySource } from '../key-manager/key-source.ts';
import { SecretKeyValue } from '../key-manager/secret-key-value.ts';
import { polled } from './polled.ts';

/**
 * A key in a parameter store: a secret of a cloud, or a Kubernetes Secret. Watching reads it again and again.
 *
 * Reading throws `bad-key-value` where nothing is there, or bytes that are no UTF-8 where text is wanted, and what the
 * store throws.
 */
export function parameterSource(options: {
  readonly store: ParameterStore;
  /** As the store names the place: for AWS the whole name, `/app/session-key`. */
  readonly place: string;
  /** Text when absent. */
  readonly as?: 'bytes' | 'text';
  /** The call of each read, with its deadline. */
  readonly call: () => Call;
  readonly clock: Clock;
  /** Milliseconds between two looks; 60,000 when absent. */
  readonly interval?: number;
}): KeySource {
  const { store, place, as = 'text', call, clock, interval = 60_000 } = options;
  async function value(): Promise<SecretBytes> {
    const found = (await store.read([place], new Set(), call())).get(place);
    if (found === undefined) throw new KeysteadError('bad-key-value', `${store.uri} has nothing at ${place}`);
    return found.value;
  }
  return {
    async read() {
      const bytes = await value();
      try {
        if (as === 'bytes') return SecretKeyValue.of(bytes);
        if (!isUtf8(bytes.expose())) {
          throw new KeysteadError('bad-key-value', `what ${store.uri} has at ${place} is not UTF-8; open it as bytes`);
        }
        return SecretKeyValue.of(Buffer.from(bytes.expose()).toString());
      } finally {
        bytes.dispose();
      }
    },
    watch: (told) =>
      polled({ clock, interval, ...told }, async () => {
        const bytes = await value();
        try {
          return sha256Hex(bytes.expose());
        } finally {
          bytes.dispose();
        }
      }),
  };
}
