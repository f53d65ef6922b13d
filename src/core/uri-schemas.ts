import { type Static, Type } from 'typebox';
import { AWS_REGION } from './aws-region.ts';
import type { SecretKind, UriSecret } from './secret-reference.ts';

/** What a field of a URI says of itself; every schema below gives each of its properties in this shape. */
export interface UriField {
  readonly type: 'string';
  readonly description: string;
  /** What a valid value looks like, to follow "give …". */
  readonly form: string;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly default?: string;
  /** Never shown, may be a reference. */
  readonly secret?: SecretKind;
  /** Says who we are, not which key or place is meant: left out of what is stored or compared. */
  readonly credential?: boolean;
  /** Says how a KEK is reached or used, not which one it is: left out of what wrapped keys say of their KEK. */
  readonly manner?: boolean;
  /** `true` or `false` in the URI, a boolean in the program. */
  readonly flag?: boolean;
}

const text = (description: string, pattern: string, form: string) => Type.String({ pattern, description, form });
const words = <const T extends readonly string[]>(description: string, values: T, of: { manner?: true } = {}) =>
  Type.Unsafe<T[number]>({
    type: 'string',
    enum: values,
    ...of,
    description,
    form: values.length === 1 ? values[0] : `one of ${values.join(', ')}`,
  });
const flag = (description: string) =>
  Type.Unsafe<boolean>({
    type: 'string',
    enum: ['true', 'false'],
    default: 'false',
    flag: true,
    description,
    form: 'true or false',
  });
const secret = (kind: SecretKind, description: string) =>
  Type.Optional(
    Type.Unsafe<UriSecret>({
      type: 'string',
      secret: kind,
      credential: true,
      description,
      form: `${kind === 'bytes' ? 'base64url' : 'the text itself'}, env://NAME or file:///path`,
    }),
  );
const identity = (description: string, pattern: string, form: string) =>
  Type.Optional(Type.String({ pattern, description, form, credential: true }));
const group = <T extends Parameters<typeof Type.Object>[0]>(
  properties: T,
  dependentRequired: Record<string, string[]> = {},
) => Type.Object(properties, { additionalProperties: false, dependentRequired });

/** DNS suffixes of Key Vault (`vault.`) and Managed HSM (`managedhsm.`) in Azure's clouds. */
export const VAULT_TYPES = [
  'vault.azure.net',
  'vault.azure.cn',
  'vault.usgovcloudapi.net',
  'vault.microsoftazure.de',
  'vault.cloudapi.eaglex.ic.gov',
  'vault.cloudapi.microsoft.scloud',
  'managedhsm.azure.net',
  'managedhsm.azure.cn',
  'managedhsm.usgovcloudapi.net',
  'managedhsm.microsoftazure.de',
] as const;

// What the clouds allow, or a little more: the cloud has the last word, but nothing here can leave its place in a
// host name, a path or a header.
const endpoint = Type.Optional(
  Type.String({
    pattern: '^https?://[A-Za-z0-9.:\\[\\]_-]+(/[A-Za-z0-9._~/-]*)?$',
    manner: true,
    description: 'Where to send the calls instead of the cloud’s own address: a private endpoint or an emulator.',
    form: 'an http:// or https:// address without user, query and fragment',
  }),
);
const access = identity('Named access path that gives the credentials.', '^[A-Za-z0-9._-]{1,128}$', 'its name');
const region = Type.Optional(
  text('Region; without it, the one that the SDK finds.', AWS_REGION, 'a region such as eu-central-1'),
);
const awsCredentials = {
  accessKeyID: identity(
    'Id of a static access key; without it, the SDK’s default credential chain.',
    '^[!-~]{1,128}$',
    '1 to 128 visible ASCII characters',
  ),
  accessKey: secret('text', 'Secret of the static access key.'),
  sessionToken: secret('text', 'Session token of temporary credentials.'),
  access,
};
const awsTogether = { accessKeyID: ['accessKey'], accessKey: ['accessKeyID'], sessionToken: ['accessKeyID'] };
const azureCredentials = {
  tenantID: identity('Entra tenant.', '^[A-Za-z0-9.-]{1,253}$', 'a UUID or a domain name'),
  clientID: identity('Application or managed identity.', '^[A-Za-z0-9-]{1,128}$', 'a UUID'),
  clientSecret: secret('text', 'Secret of the application; without it, the SDK’s default credential.'),
  access,
};
const azureTogether = { clientSecret: ['tenantID', 'clientID'] };
const credentialsPath = Type.Optional(
  Type.String({
    pattern: '^.{1,4096}$',
    credential: true,
    description: 'File with the service account’s credentials; without it, application default credentials.',
    form: 'a path',
  }),
);
const file = (description: string) =>
  Type.Optional(Type.String({ pattern: '^.{1,4096}$', credential: true, description, form: 'a path' }));
const projectID = text('Project.', '^[a-z0-9][a-z0-9.:-]{0,127}$', 'a project id');
const bucket = text('Bucket.', '^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$', 'a bucket name');
const bucketLocation = Type.Optional(
  text(
    'Where create=true makes the bucket; without it, the cloud’s own default.',
    '^[A-Za-z0-9-]{1,63}$',
    'a location such as europe-west3 or EU',
  ),
);
const prefix = Type.Optional(
  text('Put before the name of every record, as it is.', '^.{1,512}$', '1 to 512 characters'),
);
const create = flag('Create it when it is not there. Otherwise its absence is an error at start.');

/** `kms://PROVIDER?…`: where the KEK lives. One schema per provider; the order of names is the order of writing. */
export const KMS_SCHEMAS = {
  'cluster-kms': group(
    {
      key: secret('bytes', 'Master secret, at least 16 bytes.'),
      salt: secret('bytes', 'Salt, at least 32 bytes.'),
      mode: Type.Optional(
        words('How data keys are made; must be said with a cloud store.', ['derive', 'wrap'], { manner: true }),
      ),
    },
    { key: ['salt'], salt: ['key'] },
  ),
  aws: group(
    {
      region,
      ...awsCredentials,
      keyName: text('Key: its id, its ARN or `alias/…`.', '^[A-Za-z0-9:/_-]{1,2048}$', 'an id, an ARN or alias/NAME'),
      endpoint,
    },
    awsTogether,
  ),
  gcp: group({
    projectID,
    location: text('Location of the key ring.', '^[a-z0-9-]{1,63}$', 'a location such as europe-west3 or global'),
    keyRing: text('Key ring.', '^[A-Za-z0-9_-]{1,63}$', '1 to 63 letters, digits, _ and -'),
    credentialsPath,
    access,
    keyName: text('Key.', '^[A-Za-z0-9_-]{1,63}$', '1 to 63 letters, digits, _ and -'),
    endpoint,
  }),
  azure: group(
    {
      ...azureCredentials,
      vaultName: text('Key vault or managed HSM.', '^[A-Za-z0-9-]{1,63}$', '1 to 63 letters, digits and -'),
      vaultType: words('DNS suffix of the vault: the kind of vault and the cloud it is in.', VAULT_TYPES),
      keyName: text('Key.', '^[A-Za-z0-9-]{1,127}$', '1 to 127 letters, digits and -'),
      keyVersion: Type.Optional(
        Type.String({
          pattern: '^[A-Za-z0-9]{1,64}$',
          manner: true,
          description: 'Version of the key; without it, the newest.',
          form: '32 hex digits',
        }),
      ),
      algorithm: Type.Optional(
        words(
          'Wrapping algorithm; without it, the one that fits the key.',
          ['RSA-OAEP-256', 'A128KW', 'A192KW', 'A256KW'],
          { manner: true },
        ),
      ),
      endpoint,
    },
    azureTogether,
  ),
} as const;

/** `storage://PROVIDER?…`: where wrapped data keys are kept. */
export const STORAGE_SCHEMAS = {
  memory: group({}),
  'no-store': group({}),
  aws: group({ bucket, region, prefix, ...awsCredentials, endpoint, create }, awsTogether),
  gcp: group({ projectID, bucket, location: bucketLocation, prefix, credentialsPath, access, endpoint, create }),
  azure: group(
    {
      account: text('Storage account.', '^[A-Za-z0-9]{3,24}$', '3 to 24 letters and digits'),
      container: text('Blob container.', '^[A-Za-z0-9][A-Za-z0-9-]{2,62}$', '3 to 63 letters, digits and -'),
      prefix,
      ...azureCredentials,
      endpoint,
      create,
    },
    azureTogether,
  ),
} as const;

/** `parameters://PROVIDER?…`: where the values of a secrets file go. */
export const PARAMETERS_SCHEMAS = {
  memory: group({}),
  aws: group({ region, ...awsCredentials, endpoint }, awsTogether),
  kubernetes: group({
    namespace: text('Namespace of the Secret.', '^[a-z0-9-]{1,63}$', 'a namespace'),
    secret: text('Name of the Secret.', '^[a-z0-9.-]{1,253}$', 'its name'),
    server: Type.Optional(
      Type.String({
        pattern: '^https://[A-Za-z0-9.:\\[\\]_-]+$',
        manner: true,
        description: 'The API server; without it, that of the cluster that the pod is in.',
        form: 'an https:// address',
      }),
    ),
    caFile: file('PEM file with the authority of its certificate.'),
    tokenFile: file('File with a token.'),
  }),
  dotenv: group({ file: text('The file.', '^.{1,4096}$', 'a path') }),
} as const;

export type KmsProvider = keyof typeof KMS_SCHEMAS;
export type StorageProvider = keyof typeof STORAGE_SCHEMAS;
export type ParametersProvider = keyof typeof PARAMETERS_SCHEMAS;

/** The parsed URI of one provider; secrets in it print as `[secret]`. */
export type KmsUriOf<P extends KmsProvider> = {
  [Q in P]: { readonly scheme: 'kms'; readonly provider: Q } & Readonly<Static<(typeof KMS_SCHEMAS)[Q]>>;
}[P];
export type StorageUriOf<P extends StorageProvider> = {
  [Q in P]: { readonly scheme: 'storage'; readonly provider: Q } & Readonly<Static<(typeof STORAGE_SCHEMAS)[Q]>>;
}[P];
export type ParametersUriOf<P extends ParametersProvider> = {
  [Q in P]: { readonly scheme: 'parameters'; readonly provider: Q } & Readonly<Static<(typeof PARAMETERS_SCHEMAS)[Q]>>;
}[P];
export type KmsUri = KmsUriOf<KmsProvider>;
export type StorageUri = StorageUriOf<StorageProvider>;
export type ParametersUri = ParametersUriOf<ParametersProvider>;
export type Uri = KmsUri | StorageUri | ParametersUri;
export type Scheme = Uri['scheme'];

/** The fields of a provider by name and in the order of writing, and which names demand which others. */
export interface UriSchema {
  readonly fields: ReadonlyMap<string, UriField>;
  readonly required: readonly string[];
  readonly needs: ReadonlyMap<string, readonly string[]>;
}

/** Undefined for a provider that there is not. */
export function schemaOf(scheme: Scheme, provider: string): UriSchema | undefined {
  const schemas = schemasOf(scheme);
  const schema = Object.hasOwn(schemas, provider) ? schemas[provider] : undefined;
  if (schema === undefined) return undefined;
  const fields = new Map(Object.entries(schema.properties as unknown as Record<string, UriField>));
  const required = (schema.required ?? []).filter((name) => fields.get(name)?.default === undefined);
  return { fields, required, needs: new Map(Object.entries(schema.dependentRequired)) };
}

export function providersOf(scheme: Scheme): string[] {
  return Object.keys(schemasOf(scheme));
}

interface JsonSchema {
  readonly properties: object;
  readonly required?: readonly string[];
  readonly dependentRequired: Readonly<Record<string, readonly string[]>>;
}

function schemasOf(scheme: Scheme): Readonly<Record<string, JsonSchema>> {
  const schemas = { kms: KMS_SCHEMAS, storage: STORAGE_SCHEMAS, parameters: PARAMETERS_SCHEMAS }[scheme];
  return schemas as unknown as Readonly<Record<string, JsonSchema>>;
}
