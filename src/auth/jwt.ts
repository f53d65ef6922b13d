import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose';
import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { KeySet } from './key-set.ts';
import { notAccepted } from './proof.ts';

/** Seconds that the clocks of an issuer and of this machine may differ. */
const LEEWAY = 30;
/** What a token for callers may say that it is. Those for other ends (a logout, a security event) are not for us. */
const TYPES = new Set(['jwt', 'application/jwt', 'at+jwt', 'application/at+jwt']);

/** A signed JWT in its compact form, with nothing that a lenient reader would skip. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

export interface JwtRules {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly algorithms: readonly string[];
}

/** A JWT whose signature and claims hold. */
export interface VerifiedJwt {
  readonly claims: JWTPayload;
  /** Until when, in milliseconds since 1970, it can be verified, and its keys need no look. */
  readonly knownUntil: number;
  readonly freshUntil: number;
}

/** What a token says of itself, proved by nothing. */
export interface Claimed {
  readonly issuer: string;
  readonly audiences: readonly unknown[];
}

/**
 * From whom and for whom a token says it is: only to choose whom to ask. Undefined where it is no signed JWT, or one
 * that asks for what nobody here understands.
 */
export function claimedBy(token: string): Claimed | undefined {
  if (!COMPACT.test(token)) return undefined;
  try {
    const { crit, typ } = decodeProtectedHeader(token) as Readonly<Record<string, unknown>>;
    if (crit !== undefined) return undefined;
    if (typ !== undefined && !(typeof typ === 'string' && TYPES.has(typ.toLowerCase()))) return undefined;
    const { iss, aud } = decodeJwt(token);
    return typeof iss === 'string' ? { issuer: iss, audiences: [aud].flat() } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Verifies a JWT (RFC 7519): signature by a key of the issuer's own set, one of the pinned algorithms, issuer, audience,
 * expiry, and that it is valid and issued already. Keys, and where to find them, out of the token are ignored.
 * Throws `bad-credentials` or `issuer-unreachable`.
 */
export async function verifyJwt(token: string, rules: JwtRules, keys: KeySet, clock: Clock): Promise<VerifiedJwt> {
  const { issuer, audiences, algorithms } = rules;
  try {
    const { result, freshUntil } = await keys.use((find) =>
      jwtVerify(token, find, {
        issuer,
        audience: [...audiences],
        algorithms: [...algorithms],
        clockTolerance: LEEWAY,
        currentDate: clock.now(),
        requiredClaims: ['exp', 'sub'],
      }),
    );
    const { payload } = result;
    const { exp = 0, iat } = payload;
    // jose leaves a token alone that says it is from the future.
    if (iat !== undefined && !(iat <= clock.now().getTime() / 1000 + LEEWAY)) throw refused('it is not valid yet');
    const knownUntil = (exp + LEEWAY) * 1000;
    return { claims: payload, knownUntil, freshUntil: Math.min(freshUntil, knownUntil) };
  } catch (error) {
    if (error instanceof KeysteadError) throw error;
    throw refusalOf(error);
  }
}

/** Says why to those alone whose token has a good signature. */
function refusalOf(error: unknown): KeysteadError {
  if (error instanceof errors.JWTExpired) return refused('it has expired', error);
  if (!(error instanceof errors.JWTClaimValidationFailed)) return notAccepted(error);
  if (error.claim === 'nbf') return refused('it is not valid yet', error);
  if (error.claim === 'aud') return refused('it is for another audience', error);
  return refused('it lacks a claim that is needed, or has a wrong one', error);
}

export function refused(why: string, cause?: unknown): KeysteadError {
  return new KeysteadError('bad-credentials', `the token was not accepted: ${why}`, { cause });
}
