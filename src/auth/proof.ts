import type { Principal } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';

/** That a token was found to be good. Times are milliseconds since 1970. */
export interface Proof {
  readonly principal: Principal;
  /** Before then it is good without another look. */
  readonly freshUntil: number;
  /** Before then it is one that was good once, and no guess. */
  readonly knownUntil: number;
}

/** Knows tokens of one kind. */
export interface TokenJudge {
  /** Names the authenticator, as in the auth file. */
  readonly name: string;
  /** A token must be for one of them. */
  readonly audiences: readonly string[];
  /** Throws `bad-credentials` for a token that is wrong, an `unavailable` reason where nobody can tell now. */
  judge(token: string, mark: string): Promise<Proof>;
}

/** What every wrong token is told that has no signature to prove that its holder may know more. */
export function notAccepted(cause?: unknown): KeysteadError {
  return new KeysteadError('bad-credentials', 'the credentials were not accepted', { cause });
}
