import { type Static, Type } from 'typebox';

/** What a text stands for beyond being a text; checked when the configuration is loaded. */
export type Holds = 'kms-uri' | 'storage-uri' | 'address' | 'address-or-off' | 'path';
const text = (holds: Holds, options: { default?: string; description: string; examples?: string[] }) =>
  Type.String({ minLength: 1, 'x-holds': holds, ...options });
const listen = (holds: Holds, what: string, fallback: string, more = '') =>
  text(holds, {
    default: fallback,
    description: `Address of the ${what} listener, HOST:PORT; port 0 takes any free port.${more}`,
  });
const file = (description: string, example: string) =>
  Type.Optional(text('path', { description, examples: [example] }));
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
    fingerprint: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{32}$',
        description: 'Fingerprint that the KEK must have: another KEK is refused. 32 lower-case hex digits.',
        examples: ['00112233445566778899aabbccddeeff'],
      }),
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
    tokenFile: file(
      'File with the bearer token of the administrator, at least 16 characters.',
      '/etc/keystead/admin-token',
    ),
  }),
  tls: group({
    certFile: file('PEM file with the certificate chain of both listeners; TLS 1.3 only.', '/etc/keystead/tls/tls.crt'),
    keyFile: file('PEM file with the private key of the certificate.', '/etc/keystead/tls/tls.key'),
    clientCaFile: file(
      'PEM file with the CA that client certificates must come from; without it none is asked for.',
      '/etc/keystead/tls/ca.crt',
    ),
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

export type Config = Static<typeof ConfigSchema>;
