import type { Reason } from '../../src/core/errors.ts';

/** What `t.throws` and `t.rejects` are to find. */
export function failure(reason: Reason, message = /./): { name: string; reason: Reason; message: RegExp } {
  return { name: 'KeysteadError', reason, message };
}
