import { isAway } from '../core/away.ts';
import type { Call } from '../core/call.ts';
import type { Context } from '../core/context.ts';
import type { Kek, WrappedKey } from '../core/kek.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';
import type { WrappedKeyStore } from '../core/store.ts';
import { within } from '../core/within.ts';

/** Failures one after the other until a former KEK is not asked again in the same walk. */
const MAX_OF_FORMER = 3;
/** Failures one after the other, with not one record done between, until a walk ends whatever a check says. */
const MAX_IN_A_ROW = 10;

/**
 * Tells, when KMS or store fail for one record of a walk, whether the walk can go on.
 *
 * Promises: where the store or the current KEK is away as a whole, the walk ends, and whoever goes on with it later has
 * passed over nothing. Where it is one call that failed, or a former KEK that is away, the walk goes on; the latter is
 * asked a few times only, because each time may cost a whole deadline.
 */
export class WalkPatience {
  /** The KEK of the walk. */
  readonly kek: Kek;
  readonly #store: WrappedKeyStore;
  /** By the name that wrapped keys give a KEK: how often it was away, and with what failure. */
  readonly #former = new Map<string, { times: number; readonly error: object }>();
  readonly #ofFormer = new WeakSet<object>();
  /** Those of them that somebody was told again, without that the KEK was asked again. */
  readonly #repeated = new WeakSet<object>();
  #inARow = 0;
  #looking: Promise<void> | undefined;

  constructor({ kek, store }: { readonly kek: Kek; readonly store: WrappedKeyStore }) {
    this.#store = store;
    this.kek = {
      uri: kek.uri,
      wrap: (key, context, call) => kek.wrap(key, context, call),
      unwrap: (wrapped, context, call) => this.#unwrap(kek, wrapped, context, call),
      check: (call) => kek.check(call),
      close: async () => {}, // it is the service's
    };
  }

  /** A record is done: KMS and store are there. */
  renew(): void {
    this.#inARow = 0;
  }

  /** Throws where the walk must end; returns where the failure is the record's alone. */
  async bear(error: unknown, call: Call): Promise<void> {
    if (!isAway(error) || this.#repeated.has(error)) return;
    if (!this.#ofFormer.has(error) && ++this.#inARow >= MAX_IN_A_ROW) throw error;
    // Many fail at once: one look is for all of them.
    this.#looking ??= this.#look(call).finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
  }

  async #look(call: Call): Promise<void> {
    try {
      await within(call, () => this.kek.check(call));
      await within(call, () => this.#store.list('', undefined, 1, call));
    } catch (error) {
      if (call.signal.aborted || isAway(error)) throw error;
    }
  }

  async #unwrap(kek: Kek, wrapped: WrappedKey, context: Context, call: Call): Promise<SecretBytes> {
    if (wrapped.kek === kek.uri) return kek.unwrap(wrapped, context, call);
    const before = this.#former.get(wrapped.kek);
    if (before !== undefined && before.times >= MAX_OF_FORMER) {
      this.#repeated.add(before.error);
      throw before.error;
    }
    try {
      const key = await kek.unwrap(wrapped, context, call);
      this.#former.delete(wrapped.kek);
      return key;
    } catch (error) {
      if (isAway(error)) {
        const times = (this.#former.get(wrapped.kek)?.times ?? 0) + 1;
        this.#former.set(wrapped.kek, { times, error });
        this.#ofFormer.add(error);
      }
      throw error;
    }
  }
}
