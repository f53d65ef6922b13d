import { KeysteadError } from '../core/errors.ts';
import { type KeySpec, NAME_TAG } from '../core/key-admin.ts';
import { parseKmsUri } from '../core/uri.ts';
import type { KmsUri } from '../core/uri-schemas.ts';
import { DELETION_DAYS, type Declaration, type WantedState } from './declaration.ts';
import { isReference, referenceProblem } from './inherit.ts';
import type { KeyDocument, ParticleDocument } from './schema.ts';

/** What is wrong with a declaration beyond its form: the path of the field, and what to do. */
export interface Flaw {
  readonly path: string;
  readonly text: string;
}

export type ReadDeclaration = { readonly declaration: Declaration } | { readonly flaws: readonly Flaw[] };

const RESERVED = 'alias/aws/';

/** Reads a declaration of Keystead that has the right form. The caller disposes the secrets of the URI. */
export function readKey(document: KeyDocument): ReadDeclaration {
  let uri: KmsUri;
  try {
    uri = parseKmsUri(document.key);
  } catch (error) {
    return { flaws: [{ path: 'key', text: `is not valid: ${KeysteadError.from(error).message}` }] };
  }
  const flaws = [
    ...uriFlaws(uri),
    ...policyFlaws('policy', document.policy),
    ...tagFlaws('tags', Object.keys(document.tags ?? {})),
  ];
  if (flaws.length > 0 || uri.provider === 'cluster-kms') return { flaws };
  const { key: _key, state, tags, deletionDays, dependsOn, ...spec } = document;
  const declaration: Declaration = {
    id: uri.keyName,
    uri,
    name: uri.keyName,
    wanted: state ?? 'running',
    spec: {
      ...(spec as KeySpec),
      ...(tags === undefined ? {} : { tags: texts(Object.entries(tags)) }),
      ...(deletionDays === undefined ? {} : { deletionDays }),
    },
    deletionDays: deletionDays ?? (uri.provider === 'aws' ? DELETION_DAYS : undefined),
    keepsOnTermination: false,
    keepsOnUpdate: false,
    parents: dependsOn ?? [],
    particle: false,
  };
  return { declaration };
}

/** Reads a particle definition that has the right form. Children become parents the other way round: see `linked`. */
export function readParticle(document: ParticleDocument): ReadDeclaration {
  const { aws_resource: resource } = document;
  const flaws = particleFlaws(document);
  if (flaws.length > 0) return { flaws };
  const name = `alias/${resource.custom_config.key_name}`;
  const rotation = first(document.rotation, resource.rotation, resource.custom_config.rotation);
  const region = resource.region_name === undefined ? {} : { region: resource.region_name };
  const declaration: Declaration = {
    id: `kms_key:${document.pcf_name}`,
    uri: { scheme: 'kms', provider: 'aws', keyName: name, ...region },
    name,
    wanted: document.desired_state?.replace('State.', '') as WantedState | undefined,
    spec: {
      ...awsSpec(resource),
      ...(rotation === undefined ? {} : { rotationDays: rotation === true ? 365 : Number(rotation) }),
    },
    deletionDays:
      first(document.pending_window_days, resource.pending_window_days, resource.custom_config.pending_window_days) ??
      DELETION_DAYS,
    keepsOnTermination: document.persist_on_termination === true || document.persist_on_terminate === true,
    keepsOnUpdate: document.persist_on_update === true,
    parents: document.parents ?? [],
    particle: true,
  };
  return { declaration };
}

/** The declarations with what a particle says of its children said by the children. */
export function linked(
  declarations: readonly Declaration[],
  documents: readonly Pick<ParticleDocument, 'children'>[],
): Declaration[] {
  const children = new Map(declarations.map(({ id }, at) => [id, documents[at]?.children ?? []]));
  const ids = new Set(declarations.map(({ id }) => id));
  return declarations.map((each) => {
    const missing = (children.get(each.id) ?? []).filter((child) => !ids.has(child));
    // One that is not declared stands among the parents, where it is refused as those are.
    const more = [...children].filter(([, of]) => of.includes(each.id)).map(([parent]) => parent);
    return { ...each, parents: [...new Set([...each.parents, ...more, ...missing])] };
  });
}

function awsSpec(resource: ParticleDocument['aws_resource']): KeySpec {
  const { Tags } = resource;
  const given = {
    description: resource.Description,
    policy: resource.Policy,
    tags: Tags && texts(Tags.map(({ TagKey, TagValue }) => [TagKey, TagValue])),
    bypassPolicyLockoutSafetyCheck: resource.BypassPolicyLockoutSafetyCheck,
    customKeyStoreId: resource.CustomKeyStoreId,
    xksKeyId: resource.XksKeyId,
    spec: resource.KeySpec,
    usage: resource.KeyUsage,
    origin: resource.Origin,
    multiRegion: resource.MultiRegion,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as KeySpec;
}

function particleFlaws({ aws_resource: resource, ...particle }: ParticleDocument): Flaw[] {
  const flaws: Flaw[] = [];
  const at = (field: string) => `aws_resource.${field}`;
  const tags = resource.Tags ?? [];
  const references = [
    ...(['Description', 'Policy', 'CustomKeyStoreId', 'XksKeyId'] as const).map((field) => [field, resource[field]]),
    ...tags.map(({ TagValue }, index) => [`Tags[${index}].TagValue`, TagValue]),
  ] as [string, unknown][];
  for (const [field, value] of references) {
    const text = typeof value === 'string' && isReference(value) ? referenceProblem(value) : undefined;
    if (text !== undefined) flaws.push({ path: at(field), text });
  }
  flaws.push(...policyFlaws(at('Policy'), resource.Policy));
  flaws.push(
    ...tagFlaws(
      at('Tags'),
      tags.map(({ TagKey }) => TagKey),
    ),
  );
  const custom = resource.custom_config;
  for (const field of ['rotation', 'pending_window_days'] as const) {
    const said = [particle[field], resource[field], custom[field]].filter((value) => value !== undefined);
    if (said.length > 1) flaws.push({ path: field, text: 'is given in several places; leave one' });
  }
  return flaws;
}

function uriFlaws(uri: KmsUri): Flaw[] {
  if (uri.provider === 'cluster-kms') {
    return [{ path: 'key', text: 'must be the key of a cloud KMS; kms://cluster-kms has none to declare' }];
  }
  if (uri.provider !== 'aws') return [];
  if (!/^alias\/[A-Za-z0-9/_-]{1,250}$/.test(uri.keyName) || uri.keyName.startsWith(RESERVED)) {
    return [
      { path: 'key', text: 'must have keyName=alias/NAME of at most 250 letters, digits, /, _ and -, not alias/aws/…' },
    ];
  }
  return [];
}

function policyFlaws(path: string, policy: string | undefined): Flaw[] {
  if (policy === undefined || isReference(policy)) return [];
  try {
    const value: unknown = JSON.parse(policy);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return [];
  } catch {
    // Told below, without a word of the text.
  }
  return [{ path, text: 'must be the text of a JSON object' }];
}

function tagFlaws(path: string, names: readonly string[]): Flaw[] {
  const flaws: Flaw[] = [];
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) flaws.push({ path, text: `must not have ${JSON.stringify(twice)} twice` });
  const reserved = names.find((name) => name === NAME_TAG || name.startsWith('aws:'));
  if (reserved !== undefined) flaws.push({ path, text: `must not have ${JSON.stringify(reserved)}, which others set` });
  return flaws;
}

/** What is no text is taken as its JSON text. */
function texts(tags: readonly (readonly [string, string | boolean | number])[]): Record<string, string> {
  return Object.fromEntries(tags.map(([name, value]) => [name, String(value)]));
}

function first<T>(...values: (T | undefined)[]): T | undefined {
  return values.find((value) => value !== undefined);
}
