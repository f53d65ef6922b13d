import { Fields, type KekInfo, readKekInfo } from './answers.ts';

/** How the service stands with its KMS or its store. */
export interface DoorReport {
  readonly name: string;
  readonly uri: string;
  readonly state: string;
  /** What the state or the last error is about. */
  readonly operation: string;
  /** In plain words; it may be over. */
  readonly lastError?: string;
  readonly lastErrorAt?: string;
  readonly latencyMs: number;
  readonly checkedAt: string;
  readonly since: string;
}

/** How the service stands with the Secret that keeps its KEK. */
export interface KekSecretStatus {
  /** For people. */
  readonly name: string;
  /** `held`, `other`, `absent` or `unseen`. */
  readonly state: string;
  /** In plain words, while a replica that starts now would not get the KEK of this service from there. */
  readonly problem?: string;
  readonly since: string;
}

/** What is said of every file that is read anew when it changes. */
export interface FileInForce {
  readonly loadedAt: string;
  /** Of the file that is in force. */
  readonly sha256: string;
  /** In plain words, while the file is not fit to be used. */
  readonly problem?: string;
}

/** How the service stands with its policy file. */
export interface PolicyStatus extends FileInForce {
  readonly rules: number;
}

/** How the service stands with its auth file. */
export interface AuthStatus extends FileInForce {
  readonly authenticators: number;
}

/** One way in which callers are known. */
export interface AuthenticatorStatus {
  readonly name: string;
  /** `service-account`, `oidc`, `certificate`, `token` or `anonymous`. */
  readonly kind: string;
  readonly issuer?: string;
  readonly audiences?: readonly string[];
  /** Whether the API server is asked about every token. */
  readonly review?: boolean;
  /** Which name of a certificate counts: `spiffe`, `dns` or `public-key`. */
  readonly by?: string;
  /** How many there are. */
  readonly tokens?: number;
  /** Where callers without credentials are let in. */
  readonly listeners?: readonly string[];
}

/** Who is let in. */
export interface CallersStatus {
  readonly adminToken: boolean;
  readonly authenticators: readonly AuthenticatorStatus[];
}

/** The certificate of the service, and what it wants of its clients. */
export interface TlsStatus extends FileInForce {
  /** `required`, `optional` or `none`; absent from an older service. */
  readonly clientCertificates?: string;
  readonly notAfter: string;
  /** Of the certificate that is in force, in DER. */
  readonly sha256: string;
}

/** What the service says of itself. */
export interface ServiceStatus {
  readonly version: string;
  readonly mode: string;
  readonly state: string;
  /** In plain words, where the state is not `ready`. */
  readonly reason?: string;
  readonly kms: string;
  readonly storage: string;
  readonly kek?: KekInfo;
  /** Absent: no Secret is configured for the KEK, or the service is older. */
  readonly kekSecret?: KekSecretStatus;
  /** Empty from an older service, which does not tell. */
  readonly doors: readonly DoorReport[];
  /** Absent: no policy file is configured, or the service is older. */
  readonly policy?: PolicyStatus;
  /** Absent: no auth file is configured, or the service is older. */
  readonly auth?: AuthStatus;
  /** Absent: the policy does not allow the caller `system.inspect`, or the service is older or a development server. */
  readonly callers?: CallersStatus;
  /** Absent: no TLS, or the service is older. */
  readonly tls?: TlsStatus;
  readonly startedAt: string;
  readonly development: boolean;
}

export function readStatus(value: unknown): ServiceStatus {
  const fields = new Fields(value, 'the status');
  return {
    version: fields.text('version'),
    mode: fields.text('mode'),
    state: fields.text('state'),
    ...(fields.has('reason') ? { reason: fields.text('reason') } : {}),
    kms: fields.text('kms'),
    storage: fields.text('storage'),
    ...(fields.has('kek') ? { kek: readKekInfo(fields.object('kek')) } : {}),
    ...(fields.has('kekSecret') ? { kekSecret: readKekSecret(fields.object('kekSecret')) } : {}),
    doors: fields.has('doors') ? fields.list('doors').map(readDoor) : [],
    ...(fields.has('policy') ? { policy: readPolicy(fields.object('policy')) } : {}),
    ...(fields.has('auth') ? { auth: readAuth(fields.object('auth')) } : {}),
    ...(fields.has('callers') ? { callers: readCallers(fields.object('callers')) } : {}),
    ...(fields.has('tls') ? { tls: readTls(fields.object('tls')) } : {}),
    startedAt: fields.text('startedAt'),
    development: fields.flag('development'),
  };
}

function readKekSecret(fields: Fields): KekSecretStatus {
  return {
    name: fields.text('name'),
    state: fields.text('state'),
    ...(fields.has('problem') ? { problem: fields.text('problem') } : {}),
    since: fields.text('since'),
  };
}

function readPolicy(fields: Fields): PolicyStatus {
  return { rules: fields.count('rules'), ...readFileInForce(fields) };
}

function readAuth(fields: Fields): AuthStatus {
  return { authenticators: fields.count('authenticators'), ...readFileInForce(fields) };
}

function readCallers(fields: Fields): CallersStatus {
  const authenticators = fields.list('authenticators').map(readAuthenticator);
  return { adminToken: fields.flag('adminToken'), authenticators };
}

function readAuthenticator(value: unknown): AuthenticatorStatus {
  const fields = new Fields(value, 'the status: an authenticator');
  return {
    name: fields.text('name'),
    kind: fields.text('kind'),
    ...(fields.has('issuer') ? { issuer: fields.text('issuer') } : {}),
    ...(fields.has('audiences') ? { audiences: fields.texts('audiences') } : {}),
    ...(fields.has('review') ? { review: fields.flag('review') } : {}),
    ...(fields.has('by') ? { by: fields.text('by') } : {}),
    ...(fields.has('tokens') ? { tokens: fields.count('tokens') } : {}),
    ...(fields.has('listeners') ? { listeners: fields.texts('listeners') } : {}),
  };
}

function readTls(fields: Fields): TlsStatus {
  return {
    ...(fields.has('clientCertificates') ? { clientCertificates: fields.text('clientCertificates') } : {}),
    notAfter: fields.text('notAfter'),
    ...readFileInForce(fields),
  };
}

function readFileInForce(fields: Fields): FileInForce {
  return {
    loadedAt: fields.text('loadedAt'),
    sha256: fields.text('sha256'),
    ...(fields.has('problem') ? { problem: fields.text('problem') } : {}),
  };
}

function readDoor(value: unknown): DoorReport {
  const fields = new Fields(value, 'the status: a door');
  return {
    name: fields.text('name'),
    uri: fields.text('uri'),
    state: fields.text('state'),
    operation: fields.text('operation'),
    ...(fields.has('lastError') ? { lastError: fields.text('lastError') } : {}),
    ...(fields.has('lastErrorAt') ? { lastErrorAt: fields.text('lastErrorAt') } : {}),
    latencyMs: fields.count('latencyMs'),
    checkedAt: fields.text('checkedAt'),
    since: fields.text('since'),
  };
}
