import type { AuditSink } from '../core/audit.ts';
import type { Call } from '../core/call.ts';
import type { Clock, Random } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Guard } from '../core/guard.ts';
import type { Custody, Kek, KekInfo } from '../core/kek.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import type { WrappedKeyStore } from '../core/store.ts';

/** Bytes of a generated master secret and of a generated salt. */
const GENERATED_LENGTH = 32;

/** What the service says of itself to anybody. */
export interface ServiceStatus {
  readonly version: string;
  readonly mode: 'derive' | 'wrap';
  readonly state: 'sealed' | 'ready' | 'not-ready';
  /** In plain words, where the state is not `ready`. */
  readonly reason?: string;
  readonly kms: string;
  readonly storage: string;
  readonly kek?: KekInfo;
  readonly startedAt: Date;
  readonly development: boolean;
}

/** The master secret and salt that somebody brings, or the wish to have them made here. */
export type Bootstrap =
  | { readonly masterSecret: SecretBytes; readonly salt: SecretBytes }
  | { readonly generate: true };

export interface System {
  status(call: Call): Promise<ServiceStatus>;
  /** Disposes the secrets it is given. */
  bootstrap(bootstrap: Bootstrap, call: Call): Promise<KekInfo>;
}

export interface SystemDeps {
  readonly guard: Guard;
  readonly kek: Kek;
  /** Absent where the KEK lives in a cloud KMS, which nobody bootstraps. */
  readonly custody?: Custody;
  readonly store?: WrappedKeyStore;
  readonly random: Random;
  readonly clock: Clock;
  /** Asked for readiness: a service that can write no audit line answers nothing. */
  readonly audit?: Pick<AuditSink, 'failure'>;
  /** True from the moment on that the service is told to end. */
  readonly closing?: () => boolean;
  /** When the service began, where that is not now. */
  readonly startedAt?: Date;
  readonly about: Pick<ServiceStatus, 'version' | 'mode' | 'kms' | 'storage' | 'development'>;
}

/** The service's own state: what it is, whether it is ready, and how it gets its KEK. */
export function openSystem(deps: SystemDeps): System {
  const startedAt = deps.startedAt ?? deps.clock.now();
  return {
    async status(call) {
      const kek = deps.custody?.info();
      const failure = await firstFailure(deps, call);
      const state = failure === undefined ? 'ready' : failure.reason === 'sealed' ? 'sealed' : 'not-ready';
      return {
        ...deps.about,
        state,
        ...(failure === undefined ? {} : { reason: failure.message }),
        ...(kek === undefined ? {} : { kek }),
        startedAt,
      };
    },
    async bootstrap(bootstrap, call) {
      const secrets =
        'generate' in bootstrap ? { masterSecret: generated(deps.random), salt: generated(deps.random) } : bootstrap;
      try {
        return await deps.guard.run(
          {
            action: 'system.bootstrap',
            resource: deps.kek.uri,
            run: () => custodyOf(deps).bootstrap(secrets.masterSecret, secrets.salt, call),
            details: (info) => ({ version: info.version, fingerprint: info.fingerprint }),
          },
          call,
        );
      } finally {
        secrets.masterSecret.dispose();
        secrets.salt.dispose();
      }
    },
  };
}

function generated(random: Random): SecretBytes {
  return SecretBytes.own(random.bytes(GENERATED_LENGTH));
}

function custodyOf(deps: SystemDeps): Custody {
  if (deps.custody === undefined) {
    throw new KeysteadError('not-supported', `${deps.kek.uri} keeps its own key; there is nothing to bootstrap`);
  }
  return deps.custody;
}

async function firstFailure(deps: SystemDeps, call: Call): Promise<KeysteadError | undefined> {
  try {
    if (deps.closing?.() === true) throw new KeysteadError('closing', 'the service is closing');
    if (deps.audit?.failure?.() !== undefined) {
      throw new KeysteadError('audit-unavailable', 'the audit trail cannot be written, so nothing is handed out');
    }
    await deps.kek.check(call);
    await deps.store?.check(call);
    return undefined;
  } catch (error) {
    return KeysteadError.from(error);
  }
}
