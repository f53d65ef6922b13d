import type { Config } from '../../config/schema.ts';
import type { KekInfo } from '../../core/kek.ts';
import { SecretBytes } from '../../core/secret-bytes.ts';
import type { MasterSecret } from '../../wiring/ambient.ts';
import type { PlainFiles } from './file-snapshot.ts';

/** A master secret on its way between two processes of one service: over their channel, never over env or argv. */
export interface PlainKek {
  readonly masterSecret: Uint8Array;
  readonly salt: Uint8Array;
}

/** Primary to worker: be a member of the service. Answered with `Started` when it is ready to serve. */
export interface Start {
  readonly config: Config;
  /** Whether there is a gRPC listener. */
  readonly grpc: boolean;
  readonly kek: PlainKek | undefined;
  readonly files: PlainFiles;
  /** Files that the others have in force, by path. */
  readonly inForce: ReadonlyMap<string, Uint8Array>;
  readonly startedAt: Date;
}

/** Primary to worker: go on with this configuration. Answered with what has changed, in words. */
export interface Reload {
  readonly config: Config;
  readonly files: PlainFiles;
}

export interface Started {
  readonly kek: KekInfo | undefined;
}

/** The bytes themselves, for a message that is sent at once. */
export function toPlain(kek: MasterSecret): PlainKek {
  return { masterSecret: kek.masterSecret.expose(), salt: kek.salt.expose() };
}

/** Takes ownership of the bytes of a message. */
export function fromPlain(kek: PlainKek): MasterSecret {
  return { masterSecret: SecretBytes.own(kek.masterSecret), salt: SecretBytes.own(kek.salt) };
}

export function dispose(kek: MasterSecret | undefined): void {
  kek?.masterSecret.dispose();
  kek?.salt.dispose();
}

/** Primary to worker: this place has sent too many wrong credentials, to all of you. */
export interface LockedOut {
  readonly place: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}
