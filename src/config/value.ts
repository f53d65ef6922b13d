import { parseAddress } from './address.ts';
import type { LeafSchema } from './settings.ts';

/** A value read from text or YAML, or what should have stood there, in plain words. */
export type Read = { readonly value: unknown } | { readonly expected: string };

/** Reads a setting from the text of an environment variable or a flag. Nothing is guessed: `yes` is not `true`. */
export function readText(schema: LeafSchema, text: string): Read {
  if (text === '') return { expected: `${expectation(schema)}, but it is empty` };
  for (const one of schema.anyOf ?? [schema]) {
    const value = fromText(one, text);
    if (value !== undefined && fits(one, value)) return { value };
  }
  return { expected: expectation(schema) };
}

/** Checks a value that already has a type, as YAML gives it. */
export function readTyped(schema: LeafSchema, value: unknown): Read {
  return (schema.anyOf ?? [schema]).some((one) => fits(one, value)) ? { value } : { expected: expectation(schema) };
}

/** What a setting takes, in words that finish the sentence "must be …". */
export function expectation(schema: LeafSchema): string {
  if (schema.anyOf !== undefined) {
    const constants = schema.anyOf.filter((one) => one.const !== undefined).map((one) => String(one.const));
    const others = schema.anyOf.filter((one) => one.const === undefined).map(expectation);
    return [...others, constants.length > 1 ? `one of ${constants.join(', ')}` : constants.join('')].join(' or ');
  }
  if (schema.type === 'boolean') return 'true or false';
  if (schema.type === 'integer') return `a whole number from ${schema.minimum} to ${schema.maximum}`;
  switch (schema['x-holds']) {
    case 'address':
      return 'HOST:PORT, such as 127.0.0.1:8080 or [::1]:0';
    case 'address-or-off':
      return 'HOST:PORT, such as 127.0.0.1:9000 or [::1]:0, or off';
    case 'kms-uri':
      return 'a kms:// URI';
    case 'kms-uris':
      return 'kms:// URIs with spaces between';
    case 'storage-uri':
      return 'a storage:// URI';
    case 'path':
      return 'a path';
    case 'audit-sink':
      return 'stdout, or a file://, http://, https://, otlp+http:// or otlp+https:// URI';
    default:
      return schema.pattern === undefined ? 'text' : `text like ${schema.examples?.[0]}`;
  }
}

function fromText(schema: LeafSchema, text: string): unknown {
  switch (schema.type) {
    case 'boolean':
      return { true: true, '1': true, false: false, '0': false }[text];
    case 'integer':
      return /^-?\d{1,15}$/.test(text) ? Number(text) : undefined;
    default:
      return text;
  }
}

function fits(schema: LeafSchema, value: unknown): boolean {
  if (schema.const !== undefined) return value === schema.const;
  if (schema.type === 'boolean') return typeof value === 'boolean';
  if (schema.type === 'integer') {
    return Number.isInteger(value) && Number(value) >= (schema.minimum ?? 0) && Number(value) <= (schema.maximum ?? 0);
  }
  if (typeof value !== 'string' || value === '' || value.includes('\0')) return false;
  if (schema.pattern !== undefined && !new RegExp(schema.pattern).test(value)) return false;
  switch (schema['x-holds']) {
    case 'address':
      return parseAddress(value) !== undefined;
    case 'address-or-off':
      return value === 'off' || parseAddress(value) !== undefined;
    case 'audit-sink':
      return value === 'stdout' || /^(file:\/\/\/|(otlp\+)?https?:\/\/)[^\s]+$/.test(value);
    default:
      return true;
  }
}
