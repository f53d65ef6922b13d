import type { Socket } from 'node:net';

/** Serves the connections it is given; the listening socket is somebody else's. */
export interface Porch {
  accept(socket: Socket): void;
  /**
   * Nobody new comes any more. Answers what was sent and what still comes over open connections, and tells each caller
   * that there is no next time; for `deadline` milliseconds at most. Gives how many connections were cut then.
   */
  drain(deadline: number): Promise<number>;
  /** Ends what is left. */
  close(): Promise<void>;
}
