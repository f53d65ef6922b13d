import { type Static, Type } from 'typebox';

/** What a text stands for beyond being a text; checked when the configuration is loaded. */
export type Holds = 'kms-uri' | 'kms-uris' | 'storage-uri' | 'address' | 'address-or-off' | 'path' | 'audit-sink';
const text = (holds: Holds, options: { default?: string; description: string; examples?: string[] }) =>
  Type.String({ minLength: 1, 'x-holds': holds, ...options });
const listen = (holds: Holds, what: string, fallback: string, more = '') =>
  text(holds, {
    default: fallback,
    description: `Address of the ${what} listener, HOST:PORT; port 0 takes any free port.${more}`,
  });
const file = (description: string, example: string) =>
  Type.Optional(text('path', { description, examples: [example] }));
const whole = (fallback: number, [minimum, maximum]: readonly [number, number], description: string) =>
  Type.Integer({ default: fallback, minimum, maximum, description });
const group = <T extends Parameters<typeof Type.Object>[0]>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });

/**
 * The whole configuration: types, defaults, help texts, environment names, flags and the reference page come from here.
 * Names are mechanical: `http.listen` is `KEYSTEAD_HTTP_LISTEN` and `--http-listen`.
 */
export const ConfigSchema = group({
  kms: text('kms-uri', { default: 'kms://cluster-kms', description: 'Where the KEK lives: a kms:// URI.' }),
  storage: text('storage-uri', {
    default: 'storage://memory',
    description: 'Where wrapped keys are kept: a storage:// URI.',
  }),
  kek: group({
    dir: file('Folder with the files mastersecret and salt, raw bytes, read once at start.', '/etc/keystead/kek'),
    secret: Type.Optional(
      Type.String({
        pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$',
        description:
          'Kubernetes Secret with the raw bytes mastersecret and salt, as NAMESPACE/NAME. It is watched: a sealed service takes the KEK that appears there; one that is bootstrapped creates it and never changes it.',
        examples: ['keystead/kek'],
      }),
    ),
    former: Type.Optional(
      text('kms-uris', {
        description:
          'KEKs that stored data keys may still be under: kms:// URIs with spaces between. They open, and rewrap moves their keys to the KEK of kms.',
        examples: ['kms://aws?keyName=alias/old&region=eu-west-1'],
      }),
    ),
    fingerprint: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{32}$',
        description: 'Fingerprint that the KEK must have: another KEK is refused. 32 lower-case hex digits.',
        examples: ['00112233445566778899aabbccddeeff'],
      }),
    ),
  }),
  kubernetes: group({
    url: Type.String({
      pattern: '^https?://[^\\s/?#]+/?$',
      default: 'https://kubernetes.default.svc',
      description: 'Address of the API server, for kek.secret.',
      examples: ['https://kubernetes.default.svc'],
    }),
    caFile: text('path', {
      default: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
      description: 'PEM file with the authority of its certificate, read for every call.',
    }),
    tokenFile: text('path', {
      default: '/var/run/secrets/kubernetes.io/serviceaccount/token',
      description: 'File with the token of the account of the service, read for every call.',
    }),
  }),
  upstream: group({
    timeout: whole(
      5000,
      [100, 60_000],
      'Milliseconds that one call to a KMS or a store may take, unless the deadline of the caller is nearer.',
    ),
    concurrency: whole(128, [1, 10_000], 'Calls at once to the KMS, and to the store.'),
    rate: whole(1000, [1, 100_000], 'Calls a second to each.'),
    queue: whole(2048, [0, 1_000_000], 'Calls that may wait; more are refused.'),
  }),
  lifecycle: group({
    files: Type.Optional(
      text('path', {
        description:
          'Files of declared keys with spaces between, applied before the service starts: keys are made, named, enabled and mended, and never stopped or terminated.',
        examples: ['/etc/keystead/keys.yaml'],
      }),
    ),
  }),
  records: group({
    deletionWindow: whole(30, [1, 3650], 'Days in which a deleted data key can be restored; after them it is purged.'),
    constellation: Type.Boolean({
      default: false,
      description:
        'Looks for records that Constellation wrote where there is none of ours; costs one read for every new id.',
    }),
  }),
  cache: group({
    ttl: whole(0, [0, 86_400], 'Seconds that an unwrapped data key is kept in memory; 0 keeps none.'),
    maxKeys: whole(10_000, [1, 1_000_000], 'Keys kept at most.'),
    offline: whole(
      0,
      [0, 604_800],
      'Seconds behind cache.ttl in which a kept key is still given out while the KMS or the store is away.',
    ),
  }),
  http: group({ listen: listen('address', 'HTTP', '127.0.0.1:8080') }),
  grpc: group({ listen: listen('address-or-off', 'gRPC', '127.0.0.1:9000', ' `off` switches it off.') }),
  dev: Type.Boolean({
    default: false,
    description: 'Development: loopback only, a fresh random KEK unless one is given, every caller may do everything.',
  }),
  workers: Type.Union([Type.Integer({ minimum: 1, maximum: 256 }), Type.Literal('auto')], {
    default: 1,
    description: 'Worker processes; `auto` is one per core.',
  }),
  admin: group({
    listen: listen(
      'address-or-off',
      'administration',
      'off',
      ' HTTP for what only administrators need: bootstrap, refusals, metrics; they are not served by the HTTP listener then. `off` serves them there.',
    ),
    tokenFile: file(
      'File with the bearer token of the administrator, at least 16 characters.',
      '/etc/keystead/admin-token',
    ),
  }),
  auth: group({
    file: file(
      'YAML file that says how callers are known: ServiceAccounts, OIDC issuers, client certificates, tokens. Read anew when it changes.',
      '/etc/keystead/auth.yaml',
    ),
  }),
  policy: group({
    file: file(
      'YAML file that says who may do what to which data keys; without it only administrators may. Read anew when it changes.',
      '/etc/keystead/policy.yaml',
    ),
  }),
  access: group({
    file: file(
      'YAML file with named access paths: what access=NAME in a kms:// or storage:// URI means. Read once at start.',
      '/etc/keystead/access.yaml',
    ),
  }),
  audit: group({
    sink: text('audit-sink', {
      default: 'stdout',
      description:
        'Where audit lines go: `stdout`, a file (file:///path), an HTTP collector of JSON lines (https://…) or an OTLP one (otlp+https://…).',
      examples: ['file:///var/log/keystead/audit.jsonl'],
    }),
    deadline: whole(2000, [10, 60_000], 'Milliseconds that the sink may take for a line; then no key is handed out.'),
    spool: whole(4_194_304, [65_536, 1_073_741_824], 'Bytes of lines that may wait for the sink.'),
    maxFileSize: whole(
      104_857_600,
      [65_536, 1_099_511_627_776],
      'Bytes after which the file of a file:// sink is put aside and a new one begun; the chain goes on.',
    ),
    checkpoint: whole(10, [1, 3600], 'Seconds between signed checkpoints at most.'),
    signingKeyFile: file(
      'PEM file with the Ed25519 private key that signs checkpoints; without it they are not signed.',
      '/etc/keystead/audit/signing-key.pem',
    ),
    idKeyFile: file(
      'File with a key of at least 32 bytes: data key ids stand in the audit trail as HMAC-SHA-256 under it, not as they are.',
      '/etc/keystead/audit/id-key',
    ),
  }),
  limits: group({
    connections: whole(8192, [1, 1_000_000], 'Connections at a time on each listener.'),
    requestsPerPrincipal: whole(
      600_000,
      [0, 1_000_000_000],
      'Requests a minute of one caller; as many may come at once after a quiet minute. Each request of a batch counts. Each worker counts what comes to it: a caller with connections to all of N workers may send up to N times as much. 0 is no limit.',
    ),
    requestsPerSource: whole(
      1_200_000,
      [0, 1_000_000_000],
      'Requests a minute from one source address, or one IPv6 network of 64 bits, counted before the caller is known; each worker counts what comes to it. 0 is no limit.',
    ),
    memory: whole(
      0,
      [0, 16_777_216],
      'MiB of memory of the service, all workers together, from which on requests are refused; 0 is 85 % of what the machine or the container has. Health, status and metrics are still answered.',
    ),
    failedLogins: whole(
      20,
      [0, 1_000_000],
      'Refused credentials a minute from one source address; then only callers that are known already are served from there for a minute. 0 is no limit.',
    ),
  }),
  tls: group({
    certFile: file('PEM file with the certificate chain of the listeners; TLS 1.3 only.', '/etc/keystead/tls/tls.crt'),
    keyFile: file('PEM file with the private key of the certificate.', '/etc/keystead/tls/tls.key'),
    clientCaFile: file(
      'PEM file with the CA that client certificates must come from; without it none is asked for.',
      '/etc/keystead/tls/ca.crt',
    ),
    clientCertificate: Type.Union([Type.Literal('required'), Type.Literal('optional')], {
      default: 'required',
      description: 'Whether a caller without a certificate of tls.clientCaFile is turned away in the handshake.',
    }),
  }),
  insecurePlaintext: Type.Boolean({
    default: false,
    description: 'Allows to listen beyond loopback without TLS: every key then crosses the network in the clear.',
  }),
  log: group({
    level: Type.Union(
      [
        Type.Literal('trace'),
        Type.Literal('debug'),
        Type.Literal('info'),
        Type.Literal('warn'),
        Type.Literal('error'),
        Type.Literal('fatal'),
      ],
      { default: 'info', description: 'The least severe log line that is written.' },
    ),
  }),
});

/** The whole configuration, checked, with its defaults filled in (docs/reference/configuration.md). */
export type Config = Static<typeof ConfigSchema>;
