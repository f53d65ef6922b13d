import { type Static, Type } from 'typebox';
import { AWS_REGION } from '../core/aws-region.ts';
import { WANTED_STATES } from './declaration.ts';

const strict = { additionalProperties: false };
const text = (description: string, most: number, example?: string) =>
  Type.Optional(
    Type.String({ maxLength: most, description, ...(example === undefined ? {} : { examples: [example] }) }),
  );
const days = (minimum: number, maximum: number, description: string) =>
  Type.Optional(Type.Integer({ minimum, maximum, description }));
const yesOrNo = (description: string) => Type.Optional(Type.Boolean({ description }));
const tagValue = (description: string) =>
  Type.Union([Type.String({ maxLength: 256 }), Type.Boolean(), Type.Number()], {
    description,
    'x-takes': 'text of at most 256 characters, a number, true or false',
  });

const Key = Type.Object(
  {
    key: Type.String({
      pattern: '^kms://.+$',
      'x-takes': 'a kms:// URI, whose keyName is the name of the key (alias/NAME for AWS)',
      description: 'Provider, place and name of the key: a `kms://` URI; of AWS `keyName` is `alias/NAME`.',
      examples: ['kms://aws?region=eu-central-1&keyName=alias/keystead'],
    }),
    state: Type.Optional(
      Type.Enum([...WANTED_STATES], { default: 'running', description: 'What is wanted of the key.' }),
    ),
    description: text('What the key is for.', 8192, 'wraps the data keys of the cluster'),
    tags: Type.Optional(
      Type.Record(Type.String(), tagValue('Value of the tag.'), {
        description: 'All tags of the key (labels of Cloud KMS): others are removed.',
        examples: [{ team: 'web' }],
      }),
    ),
    policy: text('Key policy of AWS: JSON text. Compared by what it means.', 32_768),
    bypassPolicyLockoutSafetyCheck: yesOrNo('Lets AWS take a policy that locks you out.'),
    customKeyStoreId: text('Key store of AWS that keeps the key material.', 64, 'cks-1234567890abcdef0'),
    xksKeyId: text('Key in the external key store behind it.', 128),
    spec: text(
      'Kind of key: `SYMMETRIC_DEFAULT`, `RSA_2048`, …; the provider’s own words. Cannot be changed.',
      64,
      'SYMMETRIC_DEFAULT',
    ),
    usage: text('What the key is for: `ENCRYPT_DECRYPT`, … Cannot be changed.', 64, 'ENCRYPT_DECRYPT'),
    origin: text(
      'Where its material comes from and is kept: `AWS_KMS`, `EXTERNAL`, …; `SOFTWARE` or `HSM` of the others. Cannot be changed.',
      64,
      'AWS_KMS',
    ),
    multiRegion: yesOrNo('Whether AWS may replicate it to other regions. Cannot be changed.'),
    rotationDays: days(0, 2560, 'Days between rotations; 0: none.'),
    deletionDays: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 120,
        description:
          'Days in which a termination can be taken back; AWS: 7 to 30, 30 when absent. Google Cloud fixes them when it makes the key, Azure for the whole vault.',
      }),
    ),
    dependsOn: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), {
        description: 'Names of declared keys that run before this one, and are terminated after it.',
        'x-takes': 'names of declared keys',
      }),
    ),
  },
  { ...strict, description: 'A key of Keystead.', 'x-takes': 'a map with key, and more' },
);

const Identities = (description: string) =>
  Type.Optional(
    Type.Array(Type.String({ minLength: 1 }), { description, 'x-takes': 'identities such as kms_key:NAME' }),
  );
const rotation = Type.Optional(
  Type.Union([Type.Boolean(), Type.Integer({ minimum: 0, maximum: 2560 })], {
    description: 'Days between rotations; true: 365; false or 0: none.',
    'x-takes': 'true, false or a number of days',
  }),
);
const window = days(7, 30, 'Days in which a termination can be taken back; 30 when absent.');

const Particle = Type.Object(
  {
    pcf_name: Type.String({ minLength: 1, maxLength: 256, description: 'Name of the particle within the file.' }),
    flavor: Type.String({ pattern: '^[Kk][Mm][Ss]_[Kk][Ee][Yy]$', 'x-takes': 'kms_key', description: '`kms_key`.' }),
    desired_state: Type.Optional(
      Type.Enum([...WANTED_STATES, ...WANTED_STATES.map((state) => `State.${state}` as const)], {
        description: 'What is wanted of the key.',
      }),
    ),
    persist_on_termination: yesOrNo('True: wanting it terminated does nothing.'),
    persist_on_terminate: yesOrNo('As `persist_on_termination`, by the name that the manual gives.'),
    persist_on_update: yesOrNo('True: what differs of a running key is left alone.'),
    parents: Identities('Particles that are started before this one.'),
    children: Identities('Particles that this one is a parent of.'),
    rotation,
    pending_window_days: window,
    aws_resource: Type.Object(
      {
        region_name: Type.Optional(
          Type.String({ pattern: AWS_REGION, 'x-takes': 'a region', description: 'Region of the key.' }),
        ),
        Description: text('As CreateKey takes it.', 8192),
        Policy: text('Key policy, JSON text. Compared by what it means.', 32_768),
        Tags: Type.Optional(
          Type.Array(
            Type.Object(
              { TagKey: Type.String({ minLength: 1, maxLength: 128 }), TagValue: tagValue('Value of the tag.') },
              strict,
            ),
            { description: 'All tags of the key.', 'x-takes': 'maps with TagKey and TagValue' },
          ),
        ),
        BypassPolicyLockoutSafetyCheck: yesOrNo('Lets AWS take a policy that locks you out.'),
        CustomKeyStoreId: text('Key store that keeps the key material.', 64),
        XksKeyId: text('Key in the external key store behind it.', 128),
        KeySpec: text('As CreateKey takes it.', 64),
        KeyUsage: text('As CreateKey takes it.', 64),
        Origin: text('As CreateKey takes it.', 64),
        MultiRegion: yesOrNo('As CreateKey takes it.'),
        rotation,
        pending_window_days: window,
        custom_config: Type.Object(
          {
            key_name: Type.String({
              pattern: '^(?!aws/)[A-Za-z0-9/_-]{1,250}$',
              'x-takes': '1 to 250 letters, digits, /, _ and -, which do not begin with aws/',
              description: 'Name of the key; its alias is `alias/KEY_NAME`.',
            }),
            rotation,
            pending_window_days: window,
          },
          strict,
        ),
      },
      strict,
    ),
  },
  {
    ...strict,
    description: 'A particle definition of pcf.',
    'x-takes': 'a map with pcf_name, flavor and aws_resource',
  },
);

const oneOrMany = <T extends typeof Key | typeof Particle>(schema: T) =>
  Type.Union([schema, Type.Array(schema, { minItems: 1, 'x-takes': 'declarations' })]);

/** One key or a list of them, as Keystead writes them. */
export const KeysSchema = oneOrMany(Key);
/** One particle or a list of them, as pcf 0.4.7 writes them. */
export const ParticlesSchema = oneOrMany(Particle);

export type KeyDocument = Static<typeof Key>;
export type ParticleDocument = Static<typeof Particle>;

/** What is published: either kind of file. */
export function keysJsonSchema(): object {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Declared keys of Keystead',
    anyOf: [KeysSchema, ParticlesSchema],
  };
}
