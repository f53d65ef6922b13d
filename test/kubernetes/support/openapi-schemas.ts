import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster } from '../../support/kubernetes.ts';

type Schema = Readonly<Record<string, unknown>>;
interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

const DRAFT = { $schema: 'http://json-schema.org/draft-07/schema#' };

/**
 * Writes JSON schemas for kubeconform, made of the OpenAPI v3 description of the running API server, so that a chart is
 * checked against the very version that runs. Strict: an object with known fields takes no others.
 *
 * @returns the `-schema-location` that finds them.
 */
export async function writeSchemas(cluster: Cluster, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, schema: Schema) =>
    writeFileSync(join(folder, `${name}.json`), JSON.stringify({ ...DRAFT, ...converted(schema) }));
  const { paths } = (await cluster.ask('GET', '/openapi/v3')) as {
    paths: Record<string, { serverRelativeURL: string }>;
  };
  for (const [path, { serverRelativeURL }] of Object.entries(paths)) {
    if (!/^apis?\//.test(path)) continue;
    const { components } = (await cluster.ask('GET', serverRelativeURL)) as {
      components?: { schemas?: Record<string, Schema> };
    };
    for (const [id, schema] of Object.entries(components?.schemas ?? {})) {
      write(id, schema);
      const kinds = (schema['x-kubernetes-group-version-kind'] ?? []) as Kind[];
      for (const kind of kinds) write(fileOf(kind), ofKind(schema, kind));
    }
  }
  return join(folder, '{{.ResourceKind}}{{.KindSuffix}}.json');
}

/** As kubeconform looks for them. */
function fileOf({ group, version, kind }: Kind): string {
  return [kind.toLowerCase(), ...(group === '' ? [] : [group.split('.')[0]]), version].join('-');
}

function ofKind(schema: Schema, { group, version, kind }: Kind): Schema {
  const apiVersion = group === '' ? version : `${group}/${version}`;
  const named = { apiVersion: { enum: [apiVersion] }, kind: { enum: [kind] } };
  return { ...schema, properties: { ...(schema['properties'] as object), ...named } };
}

function converted(schema: Schema): Schema {
  const known = schema['properties'] as Readonly<Record<string, Schema>> | undefined;
  const out = Object.fromEntries(
    Object.entries(schema)
      .filter(([name]) => !name.startsWith('x-kubernetes-'))
      .map(([name, value]) => [name, convertedMember(name, value, (schema['required'] as string[]) ?? [])]),
  );
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true || 'additionalProperties' in schema;
  return known === undefined || open ? out : { ...out, additionalProperties: false };
}

function convertedMember(name: string, value: unknown, required: readonly string[]): unknown {
  if (name === '$ref') return `${String(value).split('/').at(-1)}.json`;
  if (name === 'allOf' || name === 'anyOf' || name === 'oneOf') return (value as Schema[]).map(converted);
  if (name === 'items' || (name === 'additionalProperties' && typeof value === 'object'))
    return converted(value as Schema);
  if (name !== 'properties') return value;
  // A field that is not set may be printed as null.
  const optional = (schema: Schema) => ({ anyOf: [converted(schema), { type: 'null' }] });
  const members = Object.entries(value as Record<string, Schema>);
  return Object.fromEntries(
    members.map(([field, schema]) => [field, required.includes(field) ? converted(schema) : optional(schema)]),
  );
}
