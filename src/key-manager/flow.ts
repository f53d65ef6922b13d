import { KeysteadError } from '../core/errors.ts';

/** A direction of use: forward encrypts or signs, back decrypts or verifies; `DEFAULT` is the one of a one-way key. */
export type KeyFlow = 'FORWARD_PATH' | 'BACK_PATH' | 'DEFAULT';

/** Forward, then back; or one way alone. */
export type KeyUseCase = 'ROUND_TRIP' | 'ONE_WAY_TRIP';

/** Every name of a flow, as records and callers may write it in any case. */
const FLOWS: Readonly<Record<string, KeyFlow>> = {
  FORWARD_PATH: 'FORWARD_PATH',
  FORWARD: 'FORWARD_PATH',
  ENCRYPTION: 'FORWARD_PATH',
  BACK_PATH: 'BACK_PATH',
  BACK: 'BACK_PATH',
  DECRYPTION: 'BACK_PATH',
  DEFAULT: 'DEFAULT',
  AUTHENTICATION: 'DEFAULT',
};

const USE_CASES: Readonly<Record<string, KeyUseCase>> = {
  ROUND_TRIP: 'ROUND_TRIP',
  ENCRYPTION_DECRYPTION: 'ROUND_TRIP',
  ONE_WAY_TRIP: 'ONE_WAY_TRIP',
};

/** The flow of a name or alias, in any case. Throws `bad-flow`. */
export function keyFlow(name: unknown): KeyFlow {
  const known = typeof name === 'string' && Object.hasOwn(FLOWS, name.toUpperCase());
  const flow = known ? FLOWS[name.toUpperCase()] : undefined;
  if (flow !== undefined) return flow;
  const shown = typeof name === 'string' ? JSON.stringify(name.slice(0, 40)) : `a ${typeof name}`;
  throw new KeysteadError('bad-flow', `there is no flow ${shown}; there are FORWARD_PATH, BACK_PATH and DEFAULT`);
}

/** The use case of a name or alias, as it is written in a definition; undefined for anything else. */
export function keyUseCase(name: unknown): KeyUseCase | undefined {
  return typeof name === 'string' && Object.hasOwn(USE_CASES, name) ? USE_CASES[name] : undefined;
}
