import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import { within } from '../core/within.ts';
import { changing } from './changing.ts';
import type { DataKey, DataKeys, GetDataKey } from './data-keys.ts';

/** What a call may share; `expect` is compared by the guard, for each caller. */
type Shared = Pick<GetDataKey, 'id' | 'version' | 'length' | 'create'>;

/**
 * Concurrent gets of the same key are one round to KMS and store.
 *
 * Promises: everybody gets a key of their own to dispose; nobody waits longer than the own call lives, and nobody's end
 * ends the others' round, except that of the last one; at most one is told `created`; whoever insists on creating
 * (`must`) shares with nobody; a get that begins when a change of the key is over does not join a round from before it.
 * Does not promise that of a change that another process made: an answer is as old as the round that was joined.
 */
export function singleFlight(inner: DataKeys): DataKeys {
  const flights = new Map<string, Map<string, Flight>>();
  return {
    ...changing(inner, (id) => flights.delete(id)),
    async get(request, call) {
      if (request.create === 'must') return inner.get(request, call);
      const { id, version, length, create } = request;
      const ofId = flights.get(id) ?? new Map<string, Flight>();
      flights.set(id, ofId);
      const name = `${create} ${length} ${version ?? 'newest'}`;
      let flight = ofId.get(name);
      if (flight === undefined || flight.over) {
        const made = new Flight(
          inner,
          { id, length, create, ...(version === undefined ? {} : { version }) },
          call,
          () => {
            if (ofId.get(name) !== made) return;
            ofId.delete(name);
            if (ofId.size === 0 && flights.get(id) === ofId) flights.delete(id);
          },
        );
        ofId.set(name, made);
        flight = made;
      }
      return flight.join(call);
    },
  };
}

/** One round, and who waits for it. */
class Flight {
  readonly #ending = new AbortController();
  readonly #answer: Promise<DataKey>;
  #waiting = 0;
  /** Nobody has been told of the creation yet. */
  #news = true;

  constructor(inner: DataKeys, request: Shared, first: Call, landed: () => void) {
    this.#answer = inner.get(request, { ...first, signal: this.#ending.signal }).finally(landed);
    this.#answer.catch(() => {}); // when all have gone, there is nobody to tell
  }

  /** All have gone: who comes now needs another one. */
  get over(): boolean {
    return this.#ending.signal.aborted;
  }

  async join(call: Call): Promise<DataKey> {
    this.#waiting++;
    try {
      const { key, created, ...answer } = await within(call, () => this.#answer);
      const first = this.#news;
      this.#news = false;
      return { ...answer, created: created && first, key: key.clone() };
    } finally {
      this.#waiting--;
      if (this.#waiting === 0) this.#end();
    }
  }

  #end(): void {
    this.#ending.abort(new KeysteadError('client-gone', 'every caller went away'));
    this.#answer.then(
      ({ key }) => key.dispose(),
      () => {},
    );
  }
}
