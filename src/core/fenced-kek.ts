import type { Call } from './call.ts';
import type { Clock, Random } from './clock.ts';
import { type Context, dataKeyContext } from './context.ts';
import { KeysteadError } from './errors.ts';
import type { Kek, WrappedKey } from './kek.ts';
import { SecretBytes } from './secret-bytes.ts';
import { within } from './within.ts';

/** Milliseconds that one good unwrap speaks for. */
const PROOF_MS = 30_000;
const PROBE_LENGTH = 32;

/**
 * The write fence: a KEK that wraps nothing that it could not unwrap.
 *
 * Promises: a wrapped key is given out only when a key wrapped by the same version was unwrapped less than `proofMs`
 * ago, and nothing has failed to unwrap since; where that is not so, the very key is unwrapped again first, and whatever
 * that throws, `wrap` throws. So no record is made that nobody can open. `check` proves it ahead of the first key.
 * Does not promise: that the KEK still unwraps a moment later.
 */
export function fencedKek(kek: Kek, deps: { random: Random; clock: Clock; proofMs?: number }): Kek {
  const proof = new Proof(deps.clock, deps.proofMs ?? PROOF_MS);
  const unwrap = async (wrapped: WrappedKey, context: Context, call: Call): Promise<SecretBytes> => {
    const begun = proof.begin();
    try {
      const key = await kek.unwrap(wrapped, context, call);
      proof.given(wrapped.version, begun);
      return key;
    } catch (error) {
      if (accusesKek(error)) proof.withdraw();
      throw error;
    }
  };
  const wrap = async (key: SecretBytes, context: Context, call: Call): Promise<WrappedKey> => {
    const wrapped = await kek.wrap(key, context, call);
    await proof.demand(wrapped.version, call, async () => {
      const back = await unwrap(wrapped, context, call);
      const same = back.equals(key);
      back.dispose();
      if (same) return;
      proof.withdraw();
      throw new KeysteadError('kms-bad-answer', `${kek.uri} unwrapped other bytes than were wrapped`);
    });
    return wrapped;
  };
  return {
    uri: kek.uri,
    wrap,
    unwrap,
    async check(call) {
      await kek.check(call);
      if (proof.holds()) return;
      const probe = SecretBytes.own(deps.random.bytes(PROBE_LENGTH));
      try {
        await wrap(probe, dataKeyContext('keystead/check', 1, probe.length), call);
      } finally {
        probe.dispose();
      }
    },
    close: () => kek.close(),
  };
}

/** That, and since when, keys of one version are known to unwrap. */
class Proof {
  readonly #clock: Clock;
  readonly #proofMs: number;
  #known: { readonly version: string; readonly at: number } | undefined;
  /** Counts what was withdrawn: an unwrap that began before proves nothing after. */
  #withdrawn = 0;
  #proving: { readonly version: string; readonly done: Promise<void> } | undefined;

  constructor(clock: Clock, proofMs: number) {
    this.#clock = clock;
    this.#proofMs = proofMs;
  }

  begin(): number {
    return this.#withdrawn;
  }

  given(version: string, begun: number): void {
    if (begun !== this.#withdrawn) return;
    // An old version that still unwraps says nothing of the one that wraps now.
    if (this.#known !== undefined && this.#known.version !== version && this.#proving?.version !== version) return;
    this.#known = { version, at: this.#clock.now().getTime() };
  }

  withdraw(): void {
    this.#withdrawn++;
    this.#known = undefined;
  }

  holds(version = this.#known?.version): boolean {
    const known = this.#known;
    if (known === undefined || known.version !== version) return false;
    const age = this.#clock.now().getTime() - known.at;
    return age >= 0 && age < this.#proofMs;
  }

  /** One proves for all who wait; where it fails for one, the others prove for themselves. */
  async demand(version: string, call: Call, prove: () => Promise<void>): Promise<void> {
    if (this.holds(version)) return;
    const other = this.#proving;
    if (other?.version === version) {
      await within(call, () => other.done.catch(() => {}));
      if (this.holds(version)) return;
    }
    const proving = { version, done: prove() };
    this.#proving = proving;
    try {
      await proving.done;
    } finally {
      if (this.#proving === proving) this.#proving = undefined;
    }
  }
}

/** Whether a failure to unwrap is about the KEK, and not about what was to be unwrapped or who waited for it. */
function accusesKek(error: unknown): boolean {
  const { code, reason } = KeysteadError.from(error);
  return code !== 'canceled' && code !== 'data_loss' && reason !== 'timeout' && reason !== 'upstream-busy';
}
