import type { Socket } from 'node:net';
import type { TlsMaterial } from '../wiring/tls-file.ts';

/** Serves the connections it is given; the listening socket is somebody else's. */
export interface Porch {
  accept(socket: Socket): void;
  /**
   * Gives new connections another certificate, and another authority for those of clients; open ones go on, but for
   * those whose client's comes from no authority that counts any more. Without TLS it does nothing. Throws what is wrong
   * with it.
   */
  setTls(tls: TlsMaterial): void;
  /**
   * Nobody new comes any more. Answers what was sent and what still comes over open connections, and tells each caller
   * that there is no next time; for `deadline` milliseconds at most. Gives how many connections were cut then.
   */
  drain(deadline: number): Promise<number>;
  /** Ends what is left. */
  close(): Promise<void>;
}
