import type { Clock } from '../core/clock.ts';
import { sha256Hex } from '../core/encoding.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';
import type { KeySource } from '../key-manager/key-source.ts';
import { polled } from './polled.ts';

/** As much of a client of the key service as a source needs; `KeysteadClient` is one. */
export interface DataKeyClient {
  getDataKey(
    id: string,
    options?: { readonly length?: number; readonly version?: number; readonly create?: 'if-missing' | 'never' },
  ): Promise<{ readonly version: number; readonly key: SecretBytes }>;
}

/**
 * A data key of a key service, by its id: the newest version, or a given one. Watching asks for the key again and again,
 * and tells when it is another one: after a rotation, or, for derived keys, when the KEK has another version or secret.
 */
export function dataKeySource(options: {
  readonly client: DataKeyClient;
  readonly id: string;
  /** Bytes; 32 when absent. */
  readonly length?: number;
  readonly version?: number;
  readonly create?: 'if-missing' | 'never';
  /** For `watchKey`. */
  readonly clock: Clock;
  /** Milliseconds between two looks; 60,000 when absent. */
  readonly interval?: number;
}): KeySource {
  const { client, id, clock, interval = 60_000 } = options;
  const { length, version, create } = options;
  const wanted = {
    ...(length === undefined ? {} : { length }),
    ...(version === undefined ? {} : { version }),
    ...(create === undefined ? {} : { create }),
  };
  return {
    read: async () => (await client.getDataKey(id, wanted)).key,
    watch: (told) =>
      polled({ clock, interval, ...told }, async () => {
        const { key } = await client.getDataKey(id, wanted);
        try {
          return sha256Hex(key.expose());
        } finally {
          key.dispose();
        }
      }),
  };
}
