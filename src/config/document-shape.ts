import { isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import { didYouMean } from './did-you-mean.ts';

/** What is wrong with a document, and where: `rules[3].actions[0]`. Never shows a value of the document. */
export interface DocumentProblem {
  /** Empty where it is about the whole. */
  readonly path: string;
  readonly line?: number;
  /** What to do, so that it can be read after the path. */
  readonly text: string;
}

/** The part of JSON Schema that the documents of this product use. */
export interface DocumentSchema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly DocumentSchema[];
  readonly properties?: Readonly<Record<string, DocumentSchema>>;
  readonly required?: readonly string[];
  /** A map with names of the user's own. */
  readonly patternProperties?: Readonly<Record<string, DocumentSchema>>;
  readonly items?: DocumentSchema;
  readonly minItems?: number;
  readonly minProperties?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  /** In words that finish the sentence "must be …". */
  readonly 'x-takes'?: string;
  /** Of maps in `anyOf`: the name whose value says which of them it is. */
  readonly 'x-by'?: string;
}

/** Reads the nodes of a YAML document as its schema says; collects what is wrong, and the line of every path. */
export class ShapeReader {
  readonly problems: DocumentProblem[] = [];
  readonly lines = new Map<string, number>();
  readonly #lineOf: (node: Node) => number;

  constructor(lineOf: (node: Node) => number) {
    this.#lineOf = lineOf;
  }

  read(node: Node | null, schema: DocumentSchema, path: string): unknown {
    if (node !== null) this.lines.set(path, this.#lineOf(node));
    if (node === null || (isScalar(node) && node.value === null)) {
      return this.#wrong(path, 'has no value; give one or remove the line');
    }
    if (isAlias(node)) return this.#wrong(path, 'must be written out, not an alias');
    if (schema['x-by'] !== undefined && isMap(node)) return this.#variant(node, schema, schema['x-by'], path);
    const one = schema.anyOf?.find((each) => kindOf(each) === kindOfNode(node)) ?? schema.anyOf?.[0] ?? schema;
    if (kindOf(one) === 'object') return this.#object(node, one, path);
    if (kindOf(one) === 'array') return this.#array(node, one, path);
    const value = isScalar(node) ? node.value : undefined;
    return fits(one, value) ? value : this.#wrong(path, `must be ${expected(one)}${near(one, value)}`);
  }

  /** One of several forms of a map: of the others not a word when something is wrong with it. */
  #variant(node: YAMLMap, { anyOf = [] }: DocumentSchema, by: string, path: string): unknown {
    const value = node.get(by);
    const chosen = anyOf.find(({ properties }) => properties?.[by]?.const === value);
    if (chosen !== undefined) return this.#object(node, chosen, path);
    const known = { enum: anyOf.map(({ properties }) => properties?.[by]?.const) };
    const given = node.get(by, true);
    if (given === undefined) return this.#wrong(path, `must have ${by}, ${expected(known)}`);
    this.lines.set(`${path}.${by}`, this.#lineOf(given));
    return this.#wrong(`${path}.${by}`, `must be ${expected(known)}${near(known, value)}`);
  }

  #object(node: Node, schema: DocumentSchema, path: string): unknown {
    if (!isMap(node)) return this.#wrong(path, `must be ${schema['x-takes'] ?? 'a map, one "name: value" a line'}`);
    const value: Record<string, unknown> = {};
    const names = new Set<string>();
    for (const pair of node.items) {
      const key = pair.key as Node;
      if (!isScalar(key) || typeof key.value !== 'string') {
        this.#wrong(path, 'has a name that is not plain text');
        continue;
      }
      const name = key.value;
      const at = path === '' ? name : `${path}.${name}`;
      this.lines.set(at, this.#lineOf(key));
      if (names.has(name)) this.#wrong(at, 'stands here for the second time; remove one');
      names.add(name);
      const member = memberOf(schema, name);
      if (member === undefined) this.#wrong(at, `is not a known name${hint(name, schema)}`);
      // Not by assignment: a name may be __proto__.
      else define(value, name, this.read(pair.value as Node | null, member, at));
    }
    for (const name of schema.required ?? []) {
      if (!names.has(name)) this.#wrong(path, `must have ${name}`);
    }
    if (names.size < (schema.minProperties ?? 0))
      this.#wrong(path, `must be ${schema['x-takes'] ?? 'more than nothing'}`);
    return value;
  }

  #array(node: Node, schema: DocumentSchema, path: string): unknown {
    if (!isSeq(node)) return this.#wrong(path, `must be a list${schema['x-takes'] ? ` of ${schema['x-takes']}` : ''}`);
    if (node.items.length < (schema.minItems ?? 0)) this.#wrong(path, 'must not be an empty list');
    const items = schema.items ?? {};
    return node.items.map((item, index) => this.read(item as Node | null, items, `${path}[${index}]`));
  }

  #wrong(path: string, text: string): undefined {
    const line = this.lines.get(path);
    this.problems.push({ path, ...(line === undefined ? {} : { line }), text });
    return undefined;
  }
}

function memberOf({ properties, patternProperties }: DocumentSchema, name: string): DocumentSchema | undefined {
  if (properties !== undefined) return Object.hasOwn(properties, name) ? properties[name] : undefined;
  return Object.values(patternProperties ?? {})[0];
}

function hint(name: string, { properties = {} }: DocumentSchema): string {
  const names = Object.keys(properties);
  return didYouMean(name, names) || `; known are ${names.join(', ')}`;
}

function define(object: object, name: string, value: unknown): void {
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

function kindOf(schema: DocumentSchema): string {
  if (schema.type !== undefined) return schema.type === 'integer' ? 'number' : schema.type;
  return typeof (schema.const ?? schema.enum?.[0]);
}

function kindOfNode(node: Node): string {
  if (isMap(node)) return 'object';
  return isSeq(node) ? 'array' : typeof (node as { value?: unknown }).value;
}

function fits(schema: DocumentSchema, value: unknown): boolean {
  if (schema.const !== undefined) return value === schema.const;
  if (schema.enum !== undefined) return schema.enum.includes(value);
  if (schema.type === 'boolean') return typeof value === 'boolean';
  if (schema.type === 'integer') {
    const { minimum = -Infinity, maximum = Infinity } = schema;
    return Number.isSafeInteger(value) && Number(value) >= minimum && Number(value) <= maximum;
  }
  if (schema.type === 'number') return typeof value === 'number' && Number.isFinite(value);
  if (typeof value !== 'string' || !value.isWellFormed()) return false;
  const { minLength = 0, maxLength = Infinity, pattern } = schema;
  if (value.length < minLength || value.length > maxLength) return false;
  return pattern === undefined || new RegExp(pattern, 'u').test(value);
}

function expected(schema: DocumentSchema): string {
  if (schema['x-takes'] !== undefined) return schema['x-takes'];
  if (schema.const !== undefined) return String(schema.const);
  if (schema.enum !== undefined) return `one of ${schema.enum.join(', ')}`;
  if (schema.type === 'boolean') return 'true or false';
  if (schema.type === 'integer') return `a whole number from ${schema.minimum} to ${schema.maximum}`;
  if (schema.maxLength !== undefined) return `text of ${schema.minLength ?? 0} to ${schema.maxLength} characters`;
  return 'text that is not empty';
}

function near(schema: DocumentSchema, value: unknown): string {
  if (schema.enum === undefined || typeof value !== 'string') return '';
  return didYouMean(value, schema.enum.map(String));
}
