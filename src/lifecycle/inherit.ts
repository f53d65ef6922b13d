import { KeysteadError } from '../core/errors.ts';
import type { KeySpec, ManagedKey } from '../core/key-admin.ts';
import type { Declaration } from './declaration.ts';

const INHERIT = /^\$inherit\$([^$]+)\$([^$]+)$/;

/** Whether a text stands for a value that is found elsewhere. */
export function isReference(text: string): boolean {
  return text.startsWith('$');
}

/** What is wrong with a reference, to follow its field; undefined where it can be followed. */
export function referenceProblem(text: string): string | undefined {
  if (INHERIT.test(text)) return undefined;
  return text.startsWith('$lookup$')
    ? 'must not be a lookup; keys have none'
    : 'must be $inherit$kms_key:PARENT$FIELD, or not begin with $';
}

/** The ids of the parents that a declaration takes values from. */
export function parentsNamedIn({ spec }: Declaration): string[] {
  const ids: string[] = [];
  mapTexts(spec, (text) => {
    const id = INHERIT.exec(text)?.[1];
    if (id !== undefined) ids.push(id);
    return text;
  });
  return [...new Set(ids)];
}

/**
 * The declaration with its references replaced. Throws `bad-declaration` for an unknown parent or an empty field.
 *
 * @param later hears of what is inherited from a key that is still to be made, and is left out then; absent: that is an
 *   error too.
 */
export function inherited(
  declaration: Declaration,
  parents: ReadonlyMap<string, ManagedKey>,
  later?: (what: string) => void,
): Declaration {
  const spec = mapTexts(declaration.spec, (text, field) => {
    const [, id, path] = INHERIT.exec(text) ?? [];
    if (id === undefined || path === undefined) return text;
    const parent = parents.get(id);
    if (parent === undefined && later !== undefined && declaration.parents.includes(id)) {
      later(`${field} is inherited from ${id}, which has no key yet`);
      return undefined;
    }
    if (parent === undefined) {
      throw bad(declaration, field, declaration.parents.includes(id) ? `${id} has no key yet` : `${id} is no parent`);
    }
    const value = fieldOf(parent, path.split('.'));
    if (value === undefined || value === '') throw bad(declaration, field, `${path} of ${id} is empty`);
    return typeof value === 'string' ? value : JSON.stringify(value);
  });
  return { ...declaration, spec };
}

/** By the names that AWS describes a key with. */
function fieldOf(key: ManagedKey, path: readonly string[]): unknown {
  let value: unknown = {
    KeyId: key.id,
    Arn: key.resource,
    Description: key.description,
    KeyState: key.providerState,
    Enabled: key.state === 'running',
    KeySpec: key.spec,
    KeyUsage: key.usage,
    Origin: key.origin,
    CustomKeyStoreId: key.customKeyStoreId,
    MultiRegion: key.multiRegion,
    CreationDate: key.createdAt,
    DeletionDate: key.deletionDate,
    Tags: key.tags,
  };
  for (const name of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** Undefined for a text leaves it out. */
function mapTexts(spec: KeySpec, change: (text: string, field: string) => string | undefined): KeySpec {
  const mapped = Object.entries(spec).map(([field, value]) => {
    if (typeof value === 'string') return [field, change(value, field)] as const;
    if (field !== 'tags') return [field, value] as const;
    const tags = Object.entries(value as Readonly<Record<string, string>>);
    return [field, there(tags.map(([name, text]) => [name, change(text, `tags.${name}`)] as const))] as const;
  });
  return there(mapped) as KeySpec;
}

function there<T>(entries: readonly (readonly [string, T])[]): Record<string, T> {
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function bad({ id }: Declaration, field: string, what: string): KeysteadError {
  return new KeysteadError('bad-declaration', `${id}: ${field} cannot be inherited: ${what}`);
}
