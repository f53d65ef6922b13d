import { type Static, Type } from 'typebox';
import { AWS_REGION } from '../core/aws-region.ts';

const strict = { additionalProperties: false };
const path = (description: string, example: string) =>
  Type.String({ minLength: 1, maxLength: 4096, description, examples: [example], 'x-takes': 'a path' });
const account = Type.String({
  pattern: '^[a-z0-9][a-z0-9.-]{0,127}@[a-z0-9.-]{1,127}$',
  description: 'E-mail address of a service account.',
  examples: ['kms@my-project.iam.gserviceaccount.com'],
  'x-takes': 'the e-mail address of a service account',
});
const region = Type.String({
  pattern: AWS_REGION,
  description: 'Region of calls whose URI says none.',
  examples: ['eu-central-1'],
  'x-takes': 'a region',
});
const endpoint = (what: string) =>
  Type.String({
    pattern: '^https?://[A-Za-z0-9.:\\[\\]_-]+(/[A-Za-z0-9._~/-]*)?$',
    description: `Address of ${what}, where it is not the cloud’s own.`,
    examples: ['https://sts.example.com'],
    'x-takes': 'an http:// or https:// address without user, query and fragment',
  });

const Aws = Type.Object(
  {
    cloud: Type.Literal('aws'),
    accessor: path('Accessor file: chains of roles.', 'accessor.json'),
    account: Type.String({
      pattern: '^[0-9]{12}$',
      description: 'Account that the chains lead to.',
      examples: ['222222222222'],
      'x-takes': 'an account id of 12 digits, in quotes',
    }),
    region: Type.Optional(region),
    stsEndpoint: Type.Optional(endpoint('the security token service')),
  },
  strict,
);

const Gcp = Type.Object(
  {
    cloud: Type.Literal('gcp'),
    impersonate: Type.Array(account, {
      minItems: 1,
      description: 'Service accounts, each of which may take the next one; the last one is who we become.',
      'x-takes': 'service accounts',
    }),
    credentialsPath: Type.Optional(
      path(
        'File with the credentials that the chain begins with; without it, application default credentials.',
        'key.json',
      ),
    ),
    lifetime: Type.Optional(
      Type.Integer({ minimum: 600, maximum: 43_200, description: 'Seconds that a token lives; 3600 without it.' }),
    ),
    iamEndpoint: Type.Optional(endpoint('the IAM Credentials API')),
  },
  strict,
);

const Azure = Type.Object(
  {
    cloud: Type.Literal('azure'),
    tenantID: Type.String({
      pattern: '^[A-Za-z0-9.-]{1,253}$',
      description: 'Entra tenant that the vault or the storage account is in.',
      examples: ['contoso.onmicrosoft.com'],
      'x-takes': 'a UUID or a domain name',
    }),
    clientID: Type.String({
      pattern: '^[A-Za-z0-9-]{1,128}$',
      description: 'Application in that tenant that has the federated credential.',
      examples: ['00000000-0000-0000-0000-000000000000'],
      'x-takes': 'a UUID',
    }),
    tokenFile: Type.Optional(
      path(
        'File with the token that the application trusts, read anew each time.',
        '/var/run/secrets/azure/tokens/azure-identity-token',
      ),
    ),
    managedIdentity: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9-]{1,128}$',
        description:
          'Client id of the managed identity whose token the application trusts; without it and without tokenFile, the one of the machine.',
        examples: ['00000000-0000-0000-0000-000000000000'],
        'x-takes': 'a UUID',
      }),
    ),
  },
  strict,
);

/** The document in `access.file`: types, checks and JSON schema come from here. */
export const AccessSchema = Type.Object(
  {
    version: Type.Literal(1, { description: 'Of this format.' }),
    paths: Type.Record(
      Type.String({ pattern: '^[A-Za-z0-9._-]{1,128}$' }),
      Type.Union([Aws, Gcp, Azure], { 'x-by': 'cloud' }),
      { minProperties: 1, description: 'Access paths by name: what access=NAME in a URI means.' },
    ),
  },
  { ...strict, title: 'Keystead access paths', description: 'Who Keystead becomes at a cloud, by name.' },
);

export type AccessDocument = Static<typeof AccessSchema>;
export type NamedPath = AccessDocument['paths'][string];

export function accessJsonSchema(): object {
  const id = 'urn:keystead:access:1';
  const plain = JSON.parse(
    JSON.stringify(AccessSchema, (key, value) => (/^x-(takes|by)$/.test(key) ? undefined : value)),
  );
  return { $schema: 'https://json-schema.org/draft/2020-12/schema', $id: id, ...plain };
}
