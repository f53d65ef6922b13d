import { type Static, Type } from 'typebox';

const strict = { additionalProperties: false };

/** What the asymmetric signatures of JOSE are called. There is no symmetric one, and no `none`, to choose. */
export const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
] as const;

const LISTENERS = ['http', 'grpc'] as const;

const name = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
  description: 'Stands in logs and, for `oidc`, in the names of callers; no two authenticators have the same.',
  examples: ['cluster'],
  'x-takes': 'at most 64 letters, digits, dots, underscores and dashes',
});
const text = (description: string, example: string) =>
  Type.String({ minLength: 1, maxLength: 1024, description, examples: [example] });
const path = (description: string, example: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 4096, description, examples: [example] }));
const seconds = (fallback: number, [minimum, maximum]: readonly [number, number], description: string) =>
  Type.Optional(Type.Integer({ default: fallback, minimum, maximum, description }));
const groups = (description: string) =>
  Type.Array(text('A group.', 'operators'), { minItems: 1, description, examples: [['operators']] });

/** How the keys of an issuer are found. */
const KEYS = {
  issuer: text(
    'What the `iss` claim must be, to the letter. Also where its discovery document is, unless `jwksUri` or `jwksFile` is given.',
    'https://kubernetes.default.svc.cluster.local',
  ),
  audiences: Type.Array(text('An audience.', 'keystead'), {
    minItems: 1,
    description: 'A token must be for one of these (`aud`).',
  }),
  jwksUri: path(
    'Where the public keys are, instead of by discovery. https://, or http:// on loopback.',
    'https://issuer.example.org/keys',
  ),
  jwksFile: path('File with the public keys, instead of by discovery.', '/etc/keystead/jwks.json'),
  caFile: path(
    'PEM file with the authority of the server that gives the keys; without it those that Node trusts.',
    '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
  ),
  tokenFile: path(
    'File with the bearer token to fetch the keys with. It is sent to the origin of `issuer` or `jwksUri` and nowhere else.',
    '/var/run/secrets/kubernetes.io/serviceaccount/token',
  ),
  algorithms: Type.Optional(
    Type.Array(Type.Enum([...ALGORITHMS]), {
      minItems: 1,
      default: [...ALGORITHMS],
      description: 'Signatures that are accepted.',
    }),
  ),
  refresh: seconds(
    300,
    [10, 86_400],
    'Seconds after which the keys are fetched anew. A key that its issuer has withdrawn opens nothing any more after this time.',
  ),
  outage: seconds(
    3600,
    [0, 604_800],
    'Seconds behind `refresh` in which the keys of the last fetch are still used while there are no new ones to be had.',
  ),
};

const ServiceAccount = Type.Object(
  {
    name,
    kind: Type.Literal('service-account', {
      description: 'Kubernetes ServiceAccounts, by the tokens of TokenRequest.',
    }),
    ...KEYS,
    review: Type.Optional(
      Type.Object(
        {
          url: text('Address of the API server.', 'https://kubernetes.default.svc'),
          caFile: path(
            'PEM file with the authority of its certificate; without it those that Node trusts.',
            '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
          ),
          tokenFile: path(
            'File with the token of the service itself, whose account may create tokenreviews.',
            '/var/run/secrets/kubernetes.io/serviceaccount/token',
          ),
          cacheSeconds: seconds(
            10,
            [0, 300],
            'Seconds that a yes of the API server counts. A no counts for a second at most.',
          ),
        },
        {
          ...strict,
          description:
            'Asks the API server about every token too (TokenReview), so that revoked ones are refused. While it is away, nobody is let in by this authenticator but whom it said yes to within `cacheSeconds`.',
        },
      ),
    ),
  },
  strict,
);

const Oidc = Type.Object(
  {
    name,
    kind: Type.Literal('oidc', { description: 'Callers with a JWT of an OpenID Connect issuer.' }),
    ...KEYS,
    subjectClaim: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 256,
        default: 'sub',
        description: 'Claim with the name of the caller, which becomes `NAME:SUBJECT`.',
        examples: ['email'],
      }),
    ),
    groupsClaim: path(
      'Claim with the groups of the caller: a text or a list of texts. Without it there are none. Those that begin with `keystead:` or `system:` are dropped.',
      'groups',
    ),
    requiredClaims: Type.Optional(
      Type.Record(Type.String(), Type.String({ maxLength: 1024 }), {
        minProperties: 1,
        'x-takes': 'a map of at least one claim with the text that it must be',
        description:
          'Claims that a token must have: the same text, or a list that holds it. `true`, `false` and numbers are compared as they are written.',
        examples: [{ hd: 'example.org' }],
      }),
    ),
  },
  strict,
);

const Certificate = Type.Object(
  {
    name,
    kind: Type.Literal('certificate', { description: 'Callers with a client certificate of `tls.clientCaFile`.' }),
    by: Type.Enum(['spiffe', 'dns', 'public-key'], {
      description:
        'Which name counts: `spiffe`, the one URI subject alternative name; `dns`, the one DNS name, or the one that stands in `names`; `public-key`, the SHA-256 of the public key, as identities of KES are.',
    }),
    trustDomains: Type.Optional(
      Type.Array(text('A trust domain.', 'example.org'), {
        minItems: 1,
        description: 'For `spiffe`: trust domains whose ids are accepted.',
      }),
    ),
    names: Type.Optional(
      Type.Array(text('A name.', 'backup.example.org'), {
        minItems: 1,
        description: 'Names that are accepted, as they stand in the certificate; without it all.',
      }),
    ),
    groups: Type.Optional(
      Type.Record(Type.String(), groups('Groups of this caller.'), {
        minProperties: 1,
        'x-takes': 'a map of at least one name of a caller with its groups',
        description: 'Groups of callers, by their names as a policy sees them.',
        examples: [{ 'dns:backup.example.org': ['operators'] }],
      }),
    ),
  },
  strict,
);

const Token = Type.Object(
  {
    name,
    kind: Type.Literal('token', { description: 'Callers with a token of their own, for the first steps and for CI.' }),
    tokens: Type.Array(
      Type.Object(
        {
          name: Type.String({
            pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
            description: 'Name of the caller; no two tokens of the file have the same.',
            examples: ['ci'],
            'x-takes': 'at most 64 letters, digits, dots, underscores and dashes',
          }),
          sha256: Type.String({
            pattern: '^[0-9a-f]{64}$',
            description: 'SHA-256 of the token, as `keystead token generate` prints it.',
            examples: ['9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
            'x-takes': '64 lower-case hex digits, as keystead token generate prints them',
          }),
          groups: Type.Optional(groups('Groups of the caller. `keystead:admins` makes it an administrator.')),
          notAfter: Type.Optional(
            Type.String({
              pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d(:\\d\\d)?Z$',
              description: 'From then on the token is refused.',
              examples: ['2027-01-01T00:00Z'],
              'x-takes': 'a time in UTC, such as 2027-01-01T00:00Z',
            }),
          ),
        },
        strict,
      ),
      { minItems: 1, description: 'In any order.' },
    ),
  },
  strict,
);

const Anonymous = Type.Object(
  {
    name,
    kind: Type.Literal('anonymous', {
      description: 'Callers without any credentials: whoever reaches the listener. For clients that can send none.',
    }),
    listeners: Type.Array(Type.Enum([...LISTENERS]), { minItems: 1, description: 'Where they are let in.' }),
  },
  strict,
);

/** The auth file: types, checks, JSON schema and reference come from here. */
export const AuthSchema = Type.Object(
  {
    version: Type.Literal(1, { description: 'Of this format.' }),
    authenticators: Type.Array(Type.Union([ServiceAccount, Oidc, Certificate, Token, Anonymous], { 'x-by': 'kind' }), {
      minItems: 1,
      description: 'In any order, and any number of each kind.',
    }),
  },
  { ...strict, title: 'Keystead auth file', description: 'How callers are known.' },
);

export type AuthDocument = Static<typeof AuthSchema>;
export type ServiceAccountEntry = Static<typeof ServiceAccount>;
export type OidcEntry = Static<typeof Oidc>;
export type CertificateEntry = Static<typeof Certificate>;
export type TokenEntry = Static<typeof Token>;
export type AnonymousEntry = Static<typeof Anonymous>;
export type KeysEntry = ServiceAccountEntry | OidcEntry;

/** The JSON schema of the file, for editors. */
export function authJsonSchema(): object {
  const own = new Set(['x-takes', 'x-by']);
  const plain = JSON.parse(JSON.stringify(AuthSchema, (key, value) => (own.has(key) ? undefined : value)));
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', $id: 'urn:keystead:auth:1', ...plain };
}
