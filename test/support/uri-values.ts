import fc from 'fast-check';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import type { SecretReference } from '../../src/core/secret-reference.ts';
import { type Scheme, schemaOf, type Uri, type UriField } from '../../src/core/uri-schemas.ts';
import { everyProvider } from './uri-tables.ts';

/** A parsed URI with its secrets in the open, to compare. */
export function plain(uri: Uri): Record<string, unknown> {
  const pairs = Object.entries(uri).map(([name, value]) => [
    name,
    value instanceof SecretBytes ? { hex: Buffer.from(value.expose()).toString('hex') } : value,
  ]);
  return Object.fromEntries(pairs);
}

const line = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 40 })
  .filter((text) => text.isWellFormed() && !/[\p{Cc}\u2028\u2029]/u.test(text));
const reference: fc.Arbitrary<SecretReference> = fc.oneof(
  fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/).map((name) => ({ from: 'env' as const, name })),
  line.map((path) => ({ from: 'file' as const, path: `/${path}` })),
);
const secretText = line
  .filter((text) => !/^[a-z][a-z0-9+.-]*:\/\//i.test(text) && text !== 'REDACTED')
  .map((text) => SecretBytes.own(new TextEncoder().encode(text)));
const secretBytes = fc.uint8Array({ minLength: 1, maxLength: 64 }).map((bytes) => SecretBytes.copyOf(bytes));

function fieldValue(field: UriField): fc.Arbitrary<unknown> {
  if (field.secret !== undefined) return fc.oneof(reference, field.secret === 'bytes' ? secretBytes : secretText);
  if (field.flag === true) return fc.boolean();
  if (field.enum !== undefined) return fc.constantFrom(...field.enum);
  if (field.pattern?.startsWith('^.{') === true) return line;
  return fc.stringMatching(new RegExp((field.pattern ?? '').replace(/\{1,\d{3,}\}/, '{1,60}'), 'u'));
}

/** Any valid URI of one provider, every choice of its optional names included. */
export function anyUriOf(scheme: Scheme, provider: string): fc.Arbitrary<Uri> {
  const schema = schemaOf(scheme, provider);
  if (schema === undefined) throw new RangeError(provider);
  const values = Object.fromEntries([...schema.fields].map(([name, field]) => [name, fieldValue(field)]));
  const requiredKeys = [...schema.fields.keys()].filter(
    (name) => schema.required.includes(name) || schema.fields.get(name)?.default !== undefined,
  );
  return fc
    .record(values, { requiredKeys })
    .filter((uri) => [...schema.needs].every(([name, others]) => !(name in uri) || others.every((o) => o in uri)))
    .map((uri) => ({ scheme, provider, ...uri }) as Uri);
}

/** Any valid URI. */
export const anyUri: fc.Arbitrary<Uri> = fc.oneof(
  ...everyProvider().map(({ scheme, provider }) => anyUriOf(scheme, provider)),
);
