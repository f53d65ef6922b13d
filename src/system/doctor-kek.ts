import type { Call } from '../core/call.ts';
import type { Random } from '../core/clock.ts';
import { dataKeyContext } from '../core/context.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Kek, WrappedKey } from '../core/kek.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import type { Walk } from './doctor-walk.ts';

const PROBE_LENGTH = 32;

/** Wraps and unwraps a probe, then does what the service does at start. */
export async function examineKek(walk: Walk, remote: boolean, kek: Kek, random: Random, call: Call): Promise<void> {
  const probe = SecretBytes.own(random.bytes(PROBE_LENGTH));
  const context = dataKeyContext('keystead/check', 1, probe.length);
  try {
    const wrapped = await walk.attempt('wrap', () => kek.wrap(probe, context, call), {
      credentials: remote,
      found: ({ version }) => `by version ${version}`,
    });
    if (wrapped === undefined) walk.skip('unwrap', 'nothing was wrapped');
    else await walk.attempt('unwrap', () => unwrapProbe(kek, wrapped.value, probe, call));
    await walk.attempt('describe', () => kek.check(call), {
      comprises: true,
      found: () => 'as the service does at start',
    });
  } finally {
    probe.dispose();
  }
}

async function unwrapProbe(kek: Kek, wrapped: WrappedKey, probe: SecretBytes, call: Call): Promise<void> {
  const back = await kek.unwrap(wrapped, dataKeyContext('keystead/check', 1, probe.length), call);
  const same = back.equals(probe);
  back.dispose();
  if (!same)
    throw new KeysteadError('kms-bad-answer', `${kek.uri} unwrapped other bytes than were wrapped; check endpoint`);
}
