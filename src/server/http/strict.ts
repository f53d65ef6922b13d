import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/schema';
import { KeysteadError, type Reason } from '../../core/errors.ts';

/** What the error of a member is called; everything else is `bad-request`. */
const REASON_OF: Readonly<Record<string, Reason>> = {
  dataKeyId: 'bad-id',
  length: 'bad-length',
  version: 'bad-version',
  masterSecret: 'bad-master-secret',
  salt: 'bad-salt',
};
const SHOWN = 64;

/** Tells more of a value that its schema refuses; undefined where it has nothing to add. Never shows the value. */
export type Explain = (member: string, value: unknown) => string | undefined;

/**
 * A reader of values that came from outside: gives them back as the schema's type, or throws. Nothing is coerced,
 * nothing is dropped, nothing is filled in.
 *
 * @param what names the value in error texts.
 */
export function strict<S extends TSchema>(schema: S, what: string, explain?: Explain): (value: unknown) => Static<S> {
  const validator = Compile(schema);
  return (value) => {
    if (validator.Check(value)) return value as Static<S>;
    const [, errors] = validator.Errors(value);
    throw refusal(value, errors, what, explain);
  };
}

interface SchemaError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

function refusal(value: unknown, errors: readonly SchemaError[], what: string, explain?: Explain): KeysteadError {
  const unknown = errors.find(({ keyword }) => keyword === 'additionalProperties');
  if (unknown !== undefined) return unknownMember(unknown, what);
  const first = errors[0];
  const path = first?.instancePath ?? '';
  const member = path.slice(path.lastIndexOf('/') + 1);
  const more = explain?.(member, at(value, path));
  const text =
    more ?? `${what}${path.replaceAll('/', '.')} ${errors.map(({ message }) => message)[0] ?? 'is not valid'}`;
  return new KeysteadError(Object.hasOwn(REASON_OF, member) ? (REASON_OF[member] as Reason) : 'bad-request', text);
}

function unknownMember({ instancePath, params }: SchemaError, what: string): KeysteadError {
  const names = 'additionalProperties' in params ? (params.additionalProperties as readonly string[]) : [];
  const shown = JSON.stringify((names[0] ?? '').slice(0, SHOWN));
  return new KeysteadError('bad-request', `${what}${instancePath.replaceAll('/', '.')} has an unknown member ${shown}`);
}

function at(value: unknown, path: string): unknown {
  let found = value;
  for (const name of path.split('/').slice(1)) found = (found as Record<string, unknown> | undefined)?.[name];
  return found;
}
