/** A SIGHUP that comes before there is a service to reload. */
export interface HeldHangups {
  /** From here on the signal is somebody else's. True: it has come meanwhile. */
  release(): boolean;
}

/** Remembers that SIGHUP came, which would end the process. */
export function holdHangups(process: NodeJS.Process): HeldHangups {
  let came = false;
  const remember = () => {
    came = true;
  };
  process.on('SIGHUP', remember);
  return {
    release() {
      process.off('SIGHUP', remember);
      return came;
    },
  };
}
