/** Time, as an argument: tests bring their own. */
export interface Clock {
  now(): Date;
  /** Resolves after `ms` milliseconds, rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** Chance, as an argument. The bytes must be fit for keys: tests alone may bring anything else. */
export interface Random {
  bytes(length: number): Uint8Array;
}
