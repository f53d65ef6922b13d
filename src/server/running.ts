import type { Config } from '../config/schema.ts';
import type { KekInfo } from '../core/kek.ts';

/** A service that listens: in this process, or in several that are one service. */
export interface Running {
  /** `http://HOST:PORT` or `https://HOST:PORT`, with the real port. */
  readonly http: string;
  /** `HOST:PORT` with the real port, or `off`. */
  readonly grpc: string;
  /** As `http`; undefined: administrators use that one. */
  readonly admin: string | undefined;
  /** Undefined: sealed, or the KEK lives in a cloud. */
  readonly kek: KekInfo | undefined;
  /** Re-reads credentials and certificates. Throws and keeps what was. Gives what has changed, in words. */
  reload(config: Config): Promise<readonly string[]>;
  /** Stops accepting, lets everything in flight finish, for `deadline` milliseconds at most. */
  drain(deadline: number): Promise<void>;
  /** Ends what is left and wipes the KEK. */
  close(): Promise<void>;
}
