import { KeysteadError } from '../core/errors.ts';

/** A key could not be had; `cause` is why. */
export class GetKeyError extends KeysteadError {
  readonly keyName: string;

  constructor(keyName: string, cause: unknown) {
    super('get-key', `failed to get key for ${keyName}: ${reasonOf(cause)}`, { cause });
    this.keyName = keyName;
  }
}

/** Our own texts hold no secret; what a source throws may, and stays in `cause`. */
function reasonOf(cause: unknown): string {
  return cause instanceof KeysteadError ? cause.message : 'its source failed; the cause has the details';
}
