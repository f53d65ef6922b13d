import { readSmallFile } from '../config/read-small-file.ts';
import { watchFile } from '../config/watch-file.ts';
import type { Clock } from '../core/clock.ts';
import { unreadable } from '../core/unreadable.ts';
import type { KeySource } from '../key-manager/key-source.ts';

/** Bytes; keys have a few thousand. */
const MAX_SIZE = 65_536;

/**
 * A key in a file, all of it: bytes are bytes, a line break at the end included; as text one line break at the end is
 * left out, since editors add one. A mounted Secret is such a file: it can be watched, and is seen when it is swapped.
 *
 * Reading throws `no-file` or `cannot-read`.
 */
export function fileSource(options: {
  readonly path: string;
  readonly as: 'bytes' | 'text';
  /** For `watchKey`. */
  readonly clock: Clock;
  /** Milliseconds between two looks; 1000 when absent. */
  readonly interval?: number;
}): KeySource {
  const { path, as, clock, interval } = options;
  return {
    async read() {
      try {
        const bytes = await readSmallFile(path, MAX_SIZE);
        if (as === 'bytes') return bytes;
        const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
        bytes.fill(0);
        return text;
      } catch (error) {
        throw unreadable(`the key file ${path}`, error);
      }
    },
    watch({ changed, failed }) {
      return watchFile({
        path,
        max: MAX_SIZE,
        clock,
        ...(interval === undefined ? {} : { interval }),
        async seen(sight) {
          if ('error' in sight) failed(unreadable(`the key file ${path}`, sight.error));
          else await changed();
        },
      });
    },
  };
}
