import type { Authenticator, ClientCertificate, Credentials } from '../core/authenticator.ts';
import type { Listener, Principal } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { LockOut } from '../core/lock-out.ts';
import { Remembered } from '../core/remembered.ts';
import { bearerToken, tokenMark, usualToken } from './bearer.ts';
import type { CertificateJudge } from './certificates.ts';
import { claimedBy } from './jwt.ts';
import { notAccepted, type Proof, type TokenJudge } from './proof.ts';
import type { StaticTokens } from './static-tokens.ts';

/** Everybody whom a configuration knows. */
export interface Known {
  /** A development server's caller: whoever reaches it is this one. */
  readonly everybody?: Principal;
  readonly tokens: StaticTokens;
  /** Whom to ask about the JWTs of an issuer. */
  readonly issuers: ReadonlyMap<string, readonly TokenJudge[]>;
  readonly certificates: readonly CertificateJudge[];
  readonly anonymousOn: ReadonlySet<Listener>;
  /** True where there is nobody to be known. */
  readonly nobody: boolean;
}

/** Tokens that are remembered at a time: some hundred bytes each. */
const MOST = 10_000;
const ANONYMOUS: Principal = { kind: 'anonymous', name: 'anonymous', groups: [] };

export interface CallersDeps {
  readonly lockOut: LockOut;
  readonly clock: Clock;
  refused(credentials: Credentials, failure: KeysteadError): Promise<void>;
}

interface Seen extends Proof {
  /** When it was asked for, in milliseconds since 1970. */
  readonly since: number;
  /** Made once: an answer out of memory costs no object. */
  readonly answer: Promise<Principal>;
}

/**
 * Tells callers from each other.
 *
 * Promises: an `authorization` that is sent decides alone, and a wrong one is refused, whatever else was shown; then a
 * certificate; then anonymous, where the listener is declared for it. A token that was verified is not verified again
 * while its proof is fresh, is known by its SHA-256 alone, and is forgotten with this object. From a source that is
 * locked out only tokens are looked at that were good before.
 */
export class Callers implements Authenticator {
  readonly #known: Known;
  readonly #lockOut: LockOut;
  readonly #clock: Clock;
  readonly #refused: CallersDeps['refused'];
  readonly #seen = new Remembered<Seen>(MOST);
  readonly #asking = new Map<string, Promise<Principal>>();
  readonly #holders = new WeakMap<ClientCertificate, Promise<Principal>>();

  /** @param deps.refused told of every refusal, before its caller is; must not reject. */
  constructor(known: Known, deps: CallersDeps) {
    this.#known = known;
    this.#lockOut = deps.lockOut;
    this.#clock = deps.clock;
    this.#refused = deps.refused;
  }

  get nobody(): boolean {
    return this.#known.nobody;
  }

  authenticate(credentials: Credentials): Promise<Principal> {
    const { authorization } = credentials;
    if (this.#known.everybody !== undefined) return Promise.resolve(this.#known.everybody);
    if (authorization === undefined) return this.#withoutToken(credentials) ?? this.#refuse(credentials);
    // The way of nearly every request: one hash, one look-up.
    const usual = usualToken(authorization);
    if (usual !== undefined) {
      const seen = this.#seen.find(tokenMark(usual));
      if (seen !== undefined && isFresh(seen, this.#clock.now().getTime())) return seen.answer;
    }
    return this.#withToken(authorization, credentials);
  }

  async #withToken(authorization: string, credentials: Credentials): Promise<Principal> {
    const { source } = credentials;
    let known = false;
    try {
      if (this.#known.nobody) throw nobodyIsKnown();
      const token = readToken(authorization, () => this.#lockOut.assertOpen(source));
      const mark = tokenMark(token);
      const now = this.#clock.now().getTime();
      const seen = this.#seen.find(mark);
      if (seen !== undefined && isFresh(seen, now)) return await seen.answer;
      known = seen !== undefined && now < seen.knownUntil;
      if (!known) this.#lockOut.assertOpen(source);
      return await this.#ask(token, mark);
    } catch (error) {
      const failure = KeysteadError.from(error);
      // One that was good before is no guess.
      if (failure.reason === 'bad-credentials' && !known) await this.#lockOut.refused(source);
      await this.#refused(credentials, failure);
      throw failure;
    }
  }

  /** Many requests with one token are one question. */
  #ask(token: string, mark: string): Promise<Principal> {
    const asking = this.#asking.get(mark) ?? this.#prove(token, mark).finally(() => this.#asking.delete(mark));
    this.#asking.set(mark, asking);
    return asking;
  }

  async #prove(token: string, mark: string): Promise<Principal> {
    const since = this.#clock.now().getTime();
    const proof = this.#known.tokens.find(mark) ?? (await this.#judge(token, mark));
    this.#seen.put(mark, { ...proof, since, answer: Promise.resolve(proof.principal) });
    return proof.principal;
  }

  async #judge(token: string, mark: string): Promise<Proof> {
    let failure: KeysteadError | undefined;
    for (const judge of this.#judgesOf(token)) {
      try {
        return await judge.judge(token, mark);
      } catch (error) {
        const next = KeysteadError.from(error);
        // Where one says no and another one cannot tell, nobody can tell.
        if (failure === undefined || (failure.reason === 'bad-credentials' && next.reason !== failure.reason)) {
          failure = next;
        }
      }
    }
    throw failure ?? notAccepted();
  }

  /** Those of its issuer that the token is for; where it is for none of them, all, to say so once the signature holds. */
  #judgesOf(token: string): readonly TokenJudge[] {
    const claimed = claimedBy(token);
    const judges = claimed === undefined ? undefined : this.#known.issuers.get(claimed.issuer);
    if (claimed === undefined || judges === undefined) return [];
    const meant = judges.filter(({ audiences }) => audiences.some((one) => claimed.audiences.includes(one)));
    return meant.length === 0 ? judges : meant;
  }

  /** Undefined: nobody that is let in. */
  #withoutToken({ certificate, listener }: Credentials): Promise<Principal> | undefined {
    const { certificates, anonymousOn } = this.#known;
    if (certificate !== undefined && certificates.length > 0) return this.#holder(certificate);
    return anonymousOn.has(listener) ? Promise.resolve(ANONYMOUS) : undefined;
  }

  #holder(certificate: ClientCertificate): Promise<Principal> | undefined {
    if (this.#clock.now() >= certificate.notAfter) return undefined;
    const remembered = this.#holders.get(certificate);
    if (remembered !== undefined) return remembered;
    for (const judge of this.#known.certificates) {
      const principal = judge(certificate);
      if (principal === undefined) continue;
      const answer = Promise.resolve(principal);
      this.#holders.set(certificate, answer);
      return answer;
    }
    return undefined;
  }

  /** Whoever has shown no token. */
  async #refuse(credentials: Credentials): Promise<never> {
    const failure = this.#whyNot(credentials);
    await this.#refused(credentials, failure);
    throw failure;
  }

  #whyNot({ certificate }: Credentials): KeysteadError {
    const { certificates, nobody } = this.#known;
    if (certificate !== undefined && certificates.length > 0) {
      const expired = this.#clock.now() >= certificate.notAfter;
      const why = expired ? 'has expired' : 'has no name that is accepted here';
      return new KeysteadError('bad-credentials', `the client certificate ${why}`);
    }
    if (nobody) return nobodyIsKnown();
    return new KeysteadError('no-credentials', 'credentials are needed: send "Authorization: Bearer TOKEN"');
  }
}

/** Where the clock was set back, nobody knows how old a proof is. */
function isFresh({ since, freshUntil }: Seen, now: number): boolean {
  return now >= since && now < freshUntil;
}

/** A header that is no token at all is a guess like any other. */
function readToken(authorization: string, assertOpen: () => void): string {
  try {
    return bearerToken(authorization);
  } catch (error) {
    assertOpen();
    throw error;
  }
}

function nobodyIsKnown(): KeysteadError {
  return new KeysteadError(
    'no-credentials',
    'no credentials are configured, so only liveness, readiness and status answer; give the service an admin token file or an auth file',
  );
}
