import { KeysteadError } from '../core/errors.ts';
import { environmentValues } from './environment.ts';
import { readConfigFile } from './file.ts';
import { flagValues } from './flags.ts';
import { describeSource, type Given, type Offer, type Problem, type Source } from './given.ts';
import type { Config } from './schema.ts';
import { SETTINGS, type Setting } from './settings.ts';
import { uriProblem } from './uris.ts';
import { readTyped } from './value.ts';

/** Everything that a configuration is made from. */
export interface ConfigInputs {
  /** By name without the dashes: `{ 'http-listen': '127.0.0.1:0', dev: true, config: 'keystead.yaml' }`. */
  readonly flags: Readonly<Record<string, string | boolean>>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Throws when the file cannot be read. */
  readFile(path: string): Uint8Array;
}

/** A setting as it holds in the end; `value` is undefined when nothing gives one. */
export interface ResolvedValue {
  readonly setting: Setting;
  readonly value: unknown;
  readonly source: Source;
}

export interface Resolved {
  readonly config: Config;
  /** In the order of the schema. */
  readonly values: readonly ResolvedValue[];
  /** The file that was read. */
  readonly file?: string;
}

/** The configuration: defaults, then the file, then the environment, then flags. See `resolveConfig`. */
export function loadConfig(inputs: ConfigInputs): Config {
  return resolveConfig(inputs).config;
}

/**
 * Loads the configuration and tells where each value came from.
 *
 * Promises: the answer depends on `inputs` alone; unknown names are refused; every value given is checked, also one
 * that a later source overrides; all problems are reported at once, each with its source; no problem shows a URI.
 * Throws `bad-config`; `no-file` or `cannot-read` when the file is the problem.
 */
export function resolveConfig(inputs: ConfigInputs): Resolved {
  const environment = environmentValues(inputs.env);
  const flags = flagValues(inputs.flags);
  const path = flags.config ?? environment.config;
  const file: Offer = path === undefined ? { given: [], problems: [] } : fileValues(path, inputs.readFile);
  const given: Given[] = [...file.given, ...environment.given, ...flags.given];
  const values = SETTINGS.map((setting) => resolve(setting, given));
  const referred = referredTo(given);
  const problems: Problem[] = [
    ...file.problems,
    ...environment.problems.filter(({ source }) => source.kind !== 'environment' || !referred.has(source.name)),
    ...flags.problems,
    ...given.flatMap(valueProblem),
  ];
  if (problems.length > 0) throw badConfig(problems);
  return { config: assemble(values), values, ...(path === undefined ? {} : { file: path }) };
}

/** The variables that URIs name by `env://`: none of them is misspelt, whatever it is called. */
function referredTo(given: readonly Given[]): ReadonlySet<string> {
  const texts = given.flatMap(({ read }) => ('value' in read && typeof read.value === 'string' ? [read.value] : []));
  const found = texts.flatMap((text) => [...text.matchAll(/\benv(?::|%3A)(?:\/|%2F){2}(\w+)/gi)]);
  return new Set(found.map(([, name = '']) => name));
}

function fileValues(path: string, readFile: ConfigInputs['readFile']): Offer {
  let bytes: Uint8Array;
  try {
    bytes = readFile(path);
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    const where = describeSource({ kind: 'file', path });
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new KeysteadError('no-file', `${where}: there is no such file`, { cause: error });
    }
    const why = code === undefined ? '' : ` (${code})`;
    throw new KeysteadError('cannot-read', `${where}: it cannot be read${why}`, { cause: error });
  }
  const { values, problems } = readConfigFile(bytes);
  return {
    given: values.map(({ setting, value, line }) => ({
      setting,
      source: { kind: 'file', path, line },
      read: readTyped(setting.schema, value),
    })),
    problems: problems.map(({ line, text }) => ({
      source: { kind: 'file', path, ...(line === undefined ? {} : { line }) },
      text,
    })),
  };
}

function resolve(setting: Setting, given: readonly Given[]): ResolvedValue {
  const last = given.findLast((one) => one.setting === setting);
  if (last !== undefined)
    return { setting, value: 'value' in last.read ? last.read.value : undefined, source: last.source };
  return { setting, value: setting.schema.default, source: { kind: 'default' } };
}

function valueProblem({ setting, source, read }: Given): Problem[] {
  if ('expected' in read) return [{ source, text: `${setting.key} must be ${read.expected}` }];
  const text = uriProblem(setting, read.value);
  return text === undefined ? [] : [{ source, text }];
}

function assemble(values: readonly ResolvedValue[]): Config {
  const config: Record<string, unknown> = {};
  for (const { setting, value } of values) {
    let group = config;
    for (const name of setting.path.slice(0, -1)) {
      group[name] ??= {};
      group = group[name] as Record<string, unknown>;
    }
    if (value !== undefined) group[setting.path.at(-1) as string] = value;
  }
  return config as Config;
}

function badConfig(problems: readonly Problem[]): KeysteadError {
  const lines = problems.map(({ source, text }) => `${describeSource(source)}: ${text}`);
  const count = lines.length === 1 ? '' : `${lines.length} problems in the configuration: `;
  return new KeysteadError('bad-config', `${count}${lines.join('; ')}`);
}
