import { type Static, Type } from 'typebox';

const listen = (what: string, fallback: string, more = '') =>
  Type.String({
    default: fallback,
    description: `Address of the ${what} listener, HOST:PORT; port 0 takes any free port.${more}`,
    examples: [fallback],
  });
const file = (description: string) => Type.Optional(Type.String({ minLength: 1, description }));
const group = <T extends Parameters<typeof Type.Object>[0]>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });

/**
 * The whole configuration: types, defaults, help texts, environment names, flags and the reference page come from here.
 * Names are mechanical: `http.listen` is `KEYSTEAD_HTTP_LISTEN` and `--http-listen`.
 */
export const ConfigSchema = group({
  kms: Type.String({ default: 'kms://cluster-kms', description: 'Where the KEK lives: a kms:// URI.' }),
  storage: Type.String({ default: 'storage://memory', description: 'Where wrapped keys are kept: a storage:// URI.' }),
  kek: group({
    dir: file('Folder with the files mastersecret and salt, raw bytes, read once at start.'),
    fingerprint: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{32}$',
        description: 'Fingerprint that the KEK must have: another KEK is refused. 32 lower-case hex digits.',
      }),
    ),
  }),
  http: group({ listen: listen('HTTP', '127.0.0.1:8080') }),
  grpc: group({ listen: listen('gRPC', '127.0.0.1:9000', ' `off` switches it off.') }),
  dev: Type.Boolean({
    default: false,
    description: 'Development: loopback only, a fresh random KEK unless one is given, every caller may do everything.',
  }),
  workers: Type.Union([Type.Integer({ minimum: 1, maximum: 256 }), Type.Literal('auto')], {
    default: 1,
    description: 'Worker processes; `auto` is one per core.',
  }),
  admin: group({ tokenFile: file('File with the bearer token of the administrator, at least 16 characters.') }),
  tls: group({
    certFile: file('PEM file with the certificate chain of both listeners; TLS 1.3 only.'),
    keyFile: file('PEM file with the private key of the certificate.'),
    clientCaFile: file('PEM file with the CA that client certificates must come from; without it none is asked for.'),
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
