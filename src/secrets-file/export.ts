import { dotenvQuoted, variableName } from '../core/dotenv.ts';
import { KeysteadError } from '../core/errors.ts';
import { type SecretsFile, shown } from './secrets-file.ts';

export const EXPORT_FORMATS = ['shell', 'dotenv', 'json'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface Variable {
  readonly name: string;
  readonly value: string;
}

/** Throws `bad-secrets-file` where two names fall together, or a value cannot be one of an environment. */
export function variablesOf(
  file: SecretsFile,
  values: readonly { readonly name: string; readonly value: string }[],
): Variable[] {
  const from = new Map<string, string>();
  return values.map(({ name, value }) => {
    const variable = variableName(name);
    const before = from.get(variable);
    if (before !== undefined) {
      throw file.fail(`parameters ${shown(before)} and ${shown(name)} would both be ${variable}`);
    }
    from.set(variable, name);
    if (value.includes('\0')) throw file.fail(`parameter ${shown(name)}: no variable can hold a NUL`);
    return { name: variable, value };
  });
}

/** Lines for a shell, a dotenv file, or one JSON object. */
export function formatVariables(variables: readonly Variable[], format: ExportFormat): string {
  switch (format) {
    case 'shell':
      return variables.map(({ name, value }) => `export ${name}=${shellQuoted(value)}\n`).join('');
    case 'dotenv':
      return variables.map(({ name, value }) => `${name}=${dotenvQuoted(value)}\n`).join('');
    case 'json':
      return `${JSON.stringify(Object.fromEntries(variables.map(({ name, value }) => [name, value])), null, 2)}\n`;
  }
}

/** As Python's shlex.quote does, so that the lines are those of psyml. */
export function shellQuoted(value: string): string {
  if (value === '') return "''";
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'"'"'`)}'`;
}

/** Picks parameters by name. Throws `bad-usage` for a name that the file has not. */
export function picked<T extends { readonly name: string }>(all: readonly T[], names: readonly string[]): readonly T[] {
  if (names.length === 0) return all;
  const missing = names.find((name) => !all.some((one) => one.name === name));
  if (missing !== undefined)
    throw new KeysteadError('bad-usage', `there is no parameter ${shown(missing)} in the file`);
  return all.filter(({ name }) => names.includes(name));
}
