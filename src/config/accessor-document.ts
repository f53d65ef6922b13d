import { parse as parseToml, TomlError } from 'smol-toml';
import { isScalar, parseDocument, visit } from 'yaml';
import { KeysteadError } from '../core/errors.ts';
import { parseStrictJson } from '../core/strict-json.ts';

/** Bytes of an accessor file at most. */
export const MAX_ACCESSOR = 1_048_576;

/** Levels: document, chains, chain, steps, step, tags or policy, and what a policy holds. */
const MAX_DEPTH = 16;

/**
 * What an accessor file holds, not yet checked: JSON; YAML where its name ends in `.yaml` or `.yml`; the table
 * `[accessor]` of a TOML file where it ends in `.toml`. Strict: nothing stands there twice, and no YAML alias.
 *
 * Throws `bad-accessor`, whose text holds nothing of the file.
 */
export function accessorDocument(file: string, bytes: Uint8Array): unknown {
  const refuse = (what: string) => new KeysteadError('bad-accessor', `the accessor ${file} ${what}`);
  if (/\.toml$/i.test(file)) return fromToml(decode(bytes, refuse), refuse);
  if (/\.ya?ml$/i.test(file)) return fromYaml(decode(bytes, refuse), refuse);
  return parseStrictJson(bytes, MAX_DEPTH, refuse);
}

type Refuse = (what: string) => KeysteadError;

function decode(bytes: Uint8Array, refuse: Refuse): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refuse('is not valid UTF-8');
  }
}

/** Other tables are others' settings. */
function fromToml(text: string, refuse: Refuse): unknown {
  let tables: Readonly<Record<string, unknown>>;
  try {
    tables = parseToml(text, { integersAsBigInt: 'asNeeded' });
  } catch (error) {
    // Its own message quotes the lines around.
    const where = error instanceof TomlError ? `, at line ${error.line}` : '';
    throw refuse(`is not valid TOML${where}`);
  }
  if (Object.hasOwn(tables, 'accessor')) return tables['accessor'];
  throw refuse('has no table [accessor]; put multi_hop_accessors there');
}

function fromYaml(text: string, refuse: Refuse): unknown {
  const document = parse(text);
  const [flaw] = document === undefined ? [] : [...document.errors, ...document.warnings];
  if (document === undefined || flaw !== undefined) {
    const line = flaw === undefined ? '' : `, at line ${text.slice(0, flaw.pos[0]).split('\n').length}`;
    throw refuse(`is not valid YAML${line}`);
  }
  visit(document, {
    Alias() {
      throw refuse('has an alias; write it out');
    },
    // 012345678901 is a number to YAML, which would take the zero away.
    Scalar(_key, node) {
      if (typeof node.value === 'number' && isScalar(node) && /^\d+$/.test(node.source ?? '')) {
        if (String(node.value) !== node.source) node.value = node.source;
      }
    },
  });
  return document.toJS({ maxAliasCount: 0 });
}

function parse(text: string): ReturnType<typeof parseDocument> | undefined {
  try {
    return parseDocument(text, { prettyErrors: false, version: '1.2', merge: false, uniqueKeys: true });
  } catch (error) {
    // The parser calls itself for each level.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
