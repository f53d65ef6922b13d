import type { Call } from './call.ts';
import type { Random } from './clock.ts';

const OWN_CALL_MS = 15_000;

/** A call that nobody asked for: the own work of a service or of a library. It has 15 seconds. */
export function ownCall({ random }: { readonly random: Random }): Call {
  return {
    principal: { kind: 'local', name: 'keystead', groups: [] },
    signal: AbortSignal.timeout(OWN_CALL_MS),
    traceId: Buffer.from(random.bytes(16)).toString('hex'),
    listener: 'internal',
  };
}
