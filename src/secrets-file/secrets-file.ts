import { isMap, type Node, type YAMLMap } from 'yaml';
import { type Kind, kindOf, SPELLINGS, type Spelling } from './parameter-type.ts';
import { sameInPython } from './python-scalar.ts';
import {
  type Fail,
  type Field,
  failureOf,
  type Leaf,
  leafOf,
  mapOf,
  parseYaml,
  seqOf,
  type YamlSource,
} from './yaml-source.ts';

/** Fields of text at the top. The first three are psyml's, then what Keystead's own format adds (docs/formats/secrets-file.md). */
const HEADER = [
  'path',
  'region',
  'kmskey',
  'encrypted_with',
  'kek',
  'target',
  'file',
  'data_key',
  'integrity',
] as const;
export type HeaderField = (typeof HEADER)[number];
/** Fields that psyml refuses. */
const OWN_HEADER: readonly HeaderField[] = ['kek', 'target', 'file', 'data_key', 'integrity'];

const PARAMETER = ['name', 'description', 'type', 'value'] as const;
/** Of a parameter in Keystead's own format. */
const EXTRAS = ['tier', 'policies', 'labels'] as const;
export type ParameterField = (typeof PARAMETER)[number];
export type ExtraField = (typeof EXTRAS)[number];

/** One parameter, as it stands in the file. */
export interface Parameter extends Kind {
  readonly map: YAMLMap;
  readonly line: number;
  readonly name: string;
  readonly description: string;
  readonly spelling: Spelling;
  /** Plain text, or ciphertext where `sealed`. */
  readonly value: string;
  readonly leaves: Readonly<Record<ParameterField, Leaf>>;
  readonly extras: Readonly<Partial<Record<ExtraField, string>>>;
}

/** A secrets file, checked as far as its text goes. */
export interface SecretsFile {
  readonly source: YamlSource;
  /** psyml's format: moves freely between the two programs. */
  readonly format: 'psyml' | 'keystead';
  readonly header: Readonly<Partial<Record<HeaderField, string>>>;
  readonly leaves: Readonly<Partial<Record<HeaderField, Leaf>>>;
  /** In the order of the file. */
  readonly tags: ReadonlyMap<string, string> | undefined;
  readonly parameters: readonly Parameter[];
  /** What a reader should know, and no reason to refuse the file. */
  readonly warnings: readonly string[];
  readonly fail: Fail;
}

/**
 * Reads a secrets file (docs/formats/secrets-file.md). Throws `bad-secrets-file` with the file's name, the line, and
 * the field or parameter; never with a value.
 *
 * @param becomesOwn a file in which nothing is sealed yet is to be one of Keystead's own format.
 */
export function readSecretsFile(text: string, name: string, becomesOwn = false): SecretsFile {
  const fail = failureOf(name);
  if (!text.isWellFormed()) throw fail('it is not UTF-8');
  const source = parseYaml(text, fail);
  const fields = new Map(source.fields(source.root).map((field) => [field.key, field]));
  const leaves = headerOf(fields, fail);
  const header = Object.fromEntries(Object.entries(leaves).map(([key, leaf]) => [key, leaf.text]));
  const isOwn = OWN_HEADER.some((field) => leaves[field] !== undefined);
  const format = isOwn || (becomesOwn && leaves.encrypted_with === undefined) ? 'keystead' : 'psyml';
  assertComplete(fields, leaves, format, fail);
  const parameters = parametersOf(fields.get('parameters'), source, format, fail);
  if (!isOwn && format === 'keystead' && parameters.some(({ sealed }) => sealed)) return readSecretsFile(text, name);
  return {
    source,
    format,
    header,
    leaves,
    tags: tagsOf(fields.get('tags'), source, fail),
    parameters,
    warnings: [
      ...[...source.doubts].map(([line, what]) => `${name}: line ${line}: ${what}`),
      ...parameters.flatMap((parameter) => warningOf(parameter, name)),
    ],
    fail,
  };
}

/** The prefix of names in the store: exactly one slash at its end. */
export function storePath({ header }: Pick<SecretsFile, 'header'>): string {
  return `${(header.path ?? '').replace(/\/+$/, '')}/`;
}

function headerOf(fields: ReadonlyMap<string, Field>, fail: Fail): Partial<Record<HeaderField, Leaf>> {
  const known: readonly string[] = [...HEADER, 'tags', 'parameters'];
  const leaves: Partial<Record<HeaderField, Leaf>> = {};
  for (const [key, field] of fields) {
    if (!known.includes(key)) throw fail(`the field ${shown(key)} is not known`, field.line);
    if (key !== 'tags' && key !== 'parameters') leaves[key as HeaderField] = textOf(field, fail, `the field ${key}`);
  }
  return leaves;
}

function assertComplete(
  fields: ReadonlyMap<string, Field>,
  leaves: Partial<Record<HeaderField, Leaf>>,
  format: SecretsFile['format'],
  fail: Fail,
): void {
  if (!fields.has('parameters')) throw fail('the field parameters is missing');
  for (const name of ['path', 'region', 'kmskey'] as const) {
    // Another target than the parameter store of AWS needs none of them.
    if (leaves[name] === undefined && (format === 'psyml' || (leaves.target === undefined && name !== 'kmskey'))) {
      throw fail(`the field ${name} is missing`);
    }
  }
  if (format === 'keystead' && leaves.encrypted_with !== undefined) {
    throw fail('encrypted_with and kek do not go together', leaves.encrypted_with.line);
  }
}

function tagsOf(field: Field | undefined, source: YamlSource, fail: Fail): Map<string, string> | undefined {
  if (field === undefined) return undefined;
  const map = mapOf(field);
  if (map === undefined) throw fail('the field tags is not a mapping', field.line);
  const tags = source.fields(map).map((tag) => [tag.key, textOf(tag, fail, `the tag ${shown(tag.key)}`).text] as const);
  return new Map(tags);
}

function parametersOf(
  field: Field | undefined,
  source: YamlSource,
  format: SecretsFile['format'],
  fail: Fail,
): Parameter[] {
  const list = field === undefined ? undefined : seqOf(field);
  if (list === undefined) throw fail('the field parameters is not a list', field?.line);
  const known = new Map<string, number>();
  return list.items.map((item, index) => {
    const { value: map, line } = itemOf(item as Node, source);
    if (!isMap(map)) throw fail(`parameter number ${index + 1} is not a mapping`, line);
    const parameter = parameterOf(map, line, `parameter number ${index + 1}`, source, format, fail);
    const before = known.get(parameter.name);
    if (before !== undefined) {
      throw fail(`parameter ${shown(parameter.name)} is there twice, first on line ${before}`, line);
    }
    known.set(parameter.name, line);
    return parameter;
  });
}

function itemOf(item: Node | null, source: YamlSource): { value: Node | undefined; line: number } {
  const line = source.lineOf(item ?? undefined);
  return { value: source.resolved(item), line };
}

function parameterOf(
  map: YAMLMap,
  line: number,
  which: string,
  source: YamlSource,
  format: SecretsFile['format'],
  fail: Fail,
): Parameter {
  const fields = new Map(source.fields(map).map((field) => [field.key, field]));
  const nameField = fields.get('name');
  const named = nameField === undefined ? undefined : leafOf(nameField, fail);
  const who = named?.kind === 'text' ? `parameter ${shown(named.text)}` : which;
  const known: readonly string[] = format === 'psyml' ? PARAMETER : [...PARAMETER, ...EXTRAS];
  for (const [key, field] of fields) {
    if (!known.includes(key)) throw fail(`${who}: the field ${shown(key)} is not known`, field.line);
  }
  const leaf = (key: ParameterField): Leaf => {
    const field = fields.get(key);
    if (field === undefined) throw fail(`${who}: the field ${key} is missing`, line);
    return key === 'value' ? valueLeaf(field, fail, who) : textOf(field, fail, `${who}: ${key}`);
  };
  const leaves = { name: leaf('name'), description: leaf('description'), type: leaf('type'), value: leaf('value') };
  const spelling = leaves.type.text as Spelling;
  const kind = kindOf(spelling, format);
  if (kind === undefined) {
    throw fail(`${who}: the type is none of ${SPELLINGS[format].join(', ')}`, leaves.type.line);
  }
  return {
    ...kind,
    map,
    line,
    spelling,
    name: leaves.name.text,
    description: leaves.description.text,
    value: leaves.value.text,
    leaves,
    extras: extrasOf(fields, fail, who),
  };
}

function extrasOf(fields: ReadonlyMap<string, Field>, fail: Fail, who: string): Parameter['extras'] {
  return Object.fromEntries(
    EXTRAS.flatMap((key) => {
      const field = fields.get(key);
      return field === undefined ? [] : [[key, textOf(field, fail, `${who}: ${key}`).text]];
    }),
  );
}

function textOf(field: Field, fail: Fail, what: string): Leaf {
  const leaf = leafOf(field, fail);
  if (leaf?.kind !== 'text')
    throw fail(`${what} is not text${leaf === undefined ? '' : '; put it in quotes'}`, field.line);
  return leaf;
}

/** Of an unquoted scalar the source text is the value, whatever another reader makes of it. */
function valueLeaf(field: Field, fail: Fail, who: string): Leaf {
  const leaf = leafOf(field, fail);
  if (leaf === undefined) throw fail(`${who}: the value is a list or a mapping, and must be text`, field.line);
  if (leaf.kind === 'null') throw fail(`${who}: the value is null; put it in quotes if it is text`, field.line);
  if (leaf.kind === 'value' || leaf.kind === 'merge') throw fail(`${who}: put the value in quotes`, field.line);
  return leaf;
}

function warningOf({ name, leaves: { value } }: Parameter, file: string): string[] {
  if (value.kind === 'text' || sameInPython(value.text)) return [];
  return [
    `${file}: line ${value.line}: parameter ${shown(name)}: the unquoted value is taken as it is written; psyml takes it for a ${value.kind}; put it in quotes`,
  ];
}

/** A name of the file in an error: short, in quotes, on one line. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name);
}
