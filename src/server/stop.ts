/** Exit statuses of who is ended by a signal: 128 and the signal's number. */
const EXIT = { SIGINT: 130, SIGTERM: 143 } as const;

export interface StopSignals {
  /** Resolves with the first SIGTERM or SIGINT. */
  readonly stopped: Promise<keyof typeof EXIT>;
  /** True from the first signal on. */
  readonly stopping: boolean;
  /** Leaves the signals to whoever had them before. */
  release(): void;
}

/** Listens for the signals that end a service. A second one ends the process at once. */
export function stopSignals(process: NodeJS.Process, atOnce: () => void): StopSignals {
  const { promise, resolve } = Promise.withResolvers<keyof typeof EXIT>();
  let stopping = false;
  const listener = (signal: NodeJS.Signals) => {
    if (stopping) {
      atOnce();
      process.exit(EXIT[signal as keyof typeof EXIT]);
    }
    stopping = true;
    resolve(signal as keyof typeof EXIT);
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return {
    stopped: promise,
    get stopping() {
      return stopping;
    },
    release() {
      process.off('SIGINT', listener);
      process.off('SIGTERM', listener);
    },
  };
}
