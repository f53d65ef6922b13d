import type { AuditSink } from '../core/audit.ts';
import type { Call, Listener } from '../core/call.ts';
import type { Clock, Random } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Guard } from '../core/guard.ts';
import type { DoorReport, WatchedDoor } from '../core/health.ts';
import type { Custody, Kek, KekInfo } from '../core/kek.ts';
import type { KekPlaceReport } from '../core/kek-place.ts';
import { SecretBytes } from '../core/secret-bytes.ts';

/** Bytes of a generated master secret and of a generated salt. */
const GENERATED_LENGTH = 32;

/** What the service says of its policy file. */
export interface PolicyStatus {
  readonly rules: number;
  readonly loadedAt: Date;
  /** Of the file that is in force, 64 lower-case hex digits. */
  readonly sha256: string;
  /** In plain words, while the file is not fit to be used and an older one is in force. */
  readonly problem?: string;
}

/** What the service says of its auth file. */
export interface AuthStatus {
  readonly authenticators: number;
  readonly loadedAt: Date;
  /** Of the file that is in force, 64 lower-case hex digits. */
  readonly sha256: string;
  /** In plain words, while the file is not fit to be used and an older one is in force. */
  readonly problem?: string;
}

/** One way in which callers are known, as it was declared. */
export interface AuthenticatorStatus {
  readonly name: string;
  readonly kind: 'service-account' | 'oidc' | 'certificate' | 'token' | 'anonymous';
  readonly issuer?: string;
  readonly audiences?: readonly string[];
  /** Whether the API server is asked about every token. */
  readonly review?: boolean;
  /** Which name of a certificate counts. */
  readonly by?: 'spiffe' | 'dns' | 'public-key';
  /** How many there are. */
  readonly tokens?: number;
  /** Where callers without credentials are let in. */
  readonly listeners?: readonly Listener[];
}

/** What the service says of who is let in, to those who may know. */
export interface CallersStatus {
  readonly adminToken: boolean;
  readonly authenticators: readonly AuthenticatorStatus[];
}

/** What the service says of the certificate of its listeners. */
export interface TlsStatus {
  /** What the handshake wants of a client. */
  readonly clientCertificates: 'required' | 'optional' | 'none';
  readonly notAfter: Date;
  /** Of the certificate in DER, 64 lower-case hex digits. */
  readonly sha256: string;
  readonly loadedAt: Date;
  /** In plain words, while the files are not fit to be used and older ones are in force. */
  readonly problem?: string;
}

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
  /** Absent: no Secret is configured for the KEK. */
  readonly kekSecret?: KekPlaceReport;
  /** What it depends on: the KMS, and the store where there is one. */
  readonly doors: readonly DoorReport[];
  /** Absent: no policy file is configured. */
  readonly policy?: PolicyStatus;
  /** Absent: no auth file is configured. */
  readonly auth?: AuthStatus;
  /** Absent: no TLS. */
  readonly tls?: TlsStatus;
  readonly startedAt: Date;
  readonly development: boolean;
}

/** The master secret and salt that somebody brings, or the wish to have them made here. */
export type Bootstrap =
  | { readonly masterSecret: SecretBytes; readonly salt: SecretBytes }
  | { readonly generate: true };

/** What the service says of itself, and how it is given its KEK. */
export interface System {
  status(call: Call): Promise<ServiceStatus>;
  /** Undefined for whom the policy does not allow `system.inspect`, and where everybody is let in. */
  callers(call: Call): CallersStatus | undefined;
  /** Disposes the secrets it is given. */
  bootstrap(bootstrap: Bootstrap, call: Call): Promise<KekInfo>;
}

export interface SystemDeps {
  readonly guard: Guard;
  readonly kek: Pick<Kek, 'uri'>;
  /** What the service must reach to be ready. */
  readonly doors: readonly WatchedDoor[];
  /** Absent where the KEK lives in a cloud KMS, which nobody bootstraps. */
  readonly custody?: Custody;
  readonly random: Random;
  readonly clock: Clock;
  /** Asked for readiness: a service that can write no audit line answers nothing. */
  readonly audit?: Pick<AuditSink, 'failure'>;
  /** True from the moment on that the service is told to end. */
  readonly closing?: () => boolean;
  /** Absent, or undefined: no Secret is configured for the KEK. */
  readonly kekSecret?: () => KekPlaceReport | undefined;
  /** Absent, or undefined: no policy file is configured. */
  readonly policy?: () => PolicyStatus | undefined;
  /** Absent, or undefined: no auth file is configured. */
  readonly auth?: () => AuthStatus | undefined;
  /** Absent, or undefined: everybody is let in. */
  readonly callers?: () => CallersStatus | undefined;
  /** Absent, or undefined: no TLS. */
  readonly tls?: () => TlsStatus | undefined;
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
      const kekSecret = deps.kekSecret?.();
      const policy = deps.policy?.();
      const auth = deps.auth?.();
      const tls = deps.tls?.();
      const looks = await Promise.all(deps.doors.map((door) => door.look(call)));
      const failure = ownFailure(deps) ?? doorFailure(looks);
      const state = failure === undefined ? 'ready' : failure.reason === 'sealed' ? 'sealed' : 'not-ready';
      return {
        ...deps.about,
        state,
        ...(failure === undefined ? {} : { reason: failure.message }),
        ...(kek === undefined ? {} : { kek }),
        ...(kekSecret === undefined ? {} : { kekSecret }),
        doors: looks.map(({ report }) => report),
        ...(policy === undefined ? {} : { policy }),
        ...(auth === undefined ? {} : { auth }),
        ...(tls === undefined ? {} : { tls }),
        startedAt,
      };
    },
    callers(call) {
      if (deps.guard.refusal({ action: 'system.inspect', resource: deps.kek.uri }, call) !== undefined)
        return undefined;
      return deps.callers?.();
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

function ownFailure(deps: SystemDeps): KeysteadError | undefined {
  if (deps.closing?.() === true) return new KeysteadError('closing', 'the service is closing');
  const failure = deps.audit?.failure?.();
  if (failure === undefined) return undefined;
  const why = failure instanceof KeysteadError ? `: ${failure.message}` : '';
  return new KeysteadError('audit-unavailable', `the audit trail cannot be written, so no key is handed out${why}`);
}

/** The first door that fails. A sealed service waits for people, which is no matter of doors and latencies. */
function doorFailure(looks: readonly Awaited<ReturnType<WatchedDoor['look']>>[]): KeysteadError | undefined {
  const [first] = looks.filter(({ failure }) => failure !== undefined);
  if (first?.failure === undefined || first.failure.reason === 'sealed') return first?.failure;
  const { name, latencyMs, since } = first.report;
  const { reason, message } = first.failure;
  return new KeysteadError(
    reason,
    `the ${name} fails its check since ${since.toISOString()}, the last time after ${latencyMs} ms: ${message}`,
    { cause: first.failure },
  );
}
