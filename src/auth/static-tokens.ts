import { timingSafeEqual } from 'node:crypto';
import type { Principal } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { refused } from './jwt.ts';
import type { Proof } from './proof.ts';

/** A token that the service was told of by its hash. */
export interface StaticToken {
  readonly sha256: Buffer;
  readonly principal: Principal;
  /** Absent: it is good for ever. */
  readonly notAfter?: Date;
}

/** Bytes of a hash that find a token. The others are compared in constant time. */
const FINDING = 8;

/**
 * Tokens by their hashes.
 *
 * Promises: the time of a look-up tells nothing of 24 of the 32 bytes of a hash.
 */
export class StaticTokens {
  readonly #byStart = new Map<string, readonly StaticToken[]>();
  readonly #clock: Clock;

  constructor(tokens: readonly StaticToken[], clock: Clock) {
    this.#clock = clock;
    for (const token of tokens) {
      const start = token.sha256.toString('latin1', 0, FINDING);
      this.#byStart.set(start, [...(this.#byStart.get(start) ?? []), token]);
    }
  }

  /** @param mark of the token that was shown. Throws `bad-credentials` for one that is over. */
  find(mark: string): Proof | undefined {
    const candidates = this.#byStart.get(mark.slice(0, FINDING));
    if (candidates === undefined) return undefined;
    const given = Buffer.from(mark, 'latin1');
    const found = candidates.find(({ sha256 }) => timingSafeEqual(sha256, given));
    if (found === undefined) return undefined;
    const until = found.notAfter?.getTime() ?? Number.POSITIVE_INFINITY;
    if (this.#clock.now().getTime() >= until) throw refused('it has expired');
    return { principal: found.principal, freshUntil: until, knownUntil: until };
  }
}
