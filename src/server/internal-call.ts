import type { Call } from '../core/call.ts';

/** The service asks itself. */
export function internalCall(): Call {
  return {
    principal: { kind: 'local', name: 'keystead', groups: [] },
    signal: new AbortController().signal,
    traceId: '0'.repeat(32),
    listener: 'internal',
  };
}
