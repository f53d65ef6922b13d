import type { KeyChange, KeyField, ManagedKey } from '../core/key-admin.ts';
import type { Declaration } from './declaration.ts';

/** One field that is not as declared. */
export interface Difference {
  /** `description`, `tags.team`, `policy`, … */
  readonly field: string;
  readonly declared: string | undefined;
  readonly found: string | undefined;
}

/** What of a key must be read to compare it with its declaration. */
export function fieldsToRead({ spec }: Declaration, marks: boolean): KeyField[] {
  return [
    ...(spec.tags !== undefined || marks ? (['tags'] as const) : []),
    ...(spec.policy === undefined ? [] : (['policy'] as const)),
    ...(spec.rotationDays === undefined ? [] : (['rotation'] as const)),
  ];
}

/** What is declared and is otherwise, field by field. What the declaration does not name is not compared. */
export function differences({ spec }: Declaration, key: ManagedKey): Difference[] {
  const found: Difference[] = [];
  if (spec.description !== undefined && spec.description !== (key.description ?? '')) {
    found.push({ field: 'description', declared: spec.description, found: key.description ?? '' });
  }
  if (spec.tags !== undefined) found.push(...tagDifferences(spec.tags, key.tags ?? {}));
  if (spec.policy !== undefined && !samePolicy(spec.policy, key.policy)) {
    found.push({ field: 'policy', declared: spec.policy, found: key.policy });
  }
  if (spec.rotationDays !== undefined && spec.rotationDays !== (key.rotationDays ?? 0)) {
    found.push({ field: 'rotationDays', declared: String(spec.rotationDays), found: String(key.rotationDays ?? 0) });
  }
  return found;
}

/** What is declared, is otherwise, and stays so as long as the key lives. */
export function unchangeable({ spec }: Declaration, key: ManagedKey): Difference[] {
  const fields = ['spec', 'usage', 'origin', 'customKeyStoreId', 'multiRegion'] as const;
  return fields.flatMap((field) => {
    const declared = spec[field];
    // A provider that does not tell is not contradicted.
    if (declared === undefined || key[field] === undefined || declared === key[field]) return [];
    return [{ field, declared: String(declared), found: String(key[field]) }];
  });
}

/** What mends the differences. */
export function mending({ spec }: Declaration, key: ManagedKey, found: readonly Difference[]): KeyChange {
  const of = (name: string) => found.some(({ field }) => field === name || field.startsWith(`${name}.`));
  return {
    ...(of('description') && spec.description !== undefined ? { description: spec.description } : {}),
    ...(of('tags') ? { tags: spec.tags ?? key.tags ?? {} } : {}),
    ...(of('policy') && spec.policy !== undefined ? { policy: spec.policy } : {}),
    ...(of('policy') && spec.bypassPolicyLockoutSafetyCheck !== undefined
      ? { bypassPolicyLockoutSafetyCheck: spec.bypassPolicyLockoutSafetyCheck }
      : {}),
    ...(of('rotationDays') && spec.rotationDays !== undefined ? { rotationDays: spec.rotationDays } : {}),
  };
}

function tagDifferences(
  declared: Readonly<Record<string, string>>,
  found: Readonly<Record<string, string>>,
): Difference[] {
  const names = [...new Set([...Object.keys(declared), ...Object.keys(found)])].sort();
  const value = (tags: Readonly<Record<string, string>>, name: string) =>
    Object.hasOwn(tags, name) ? tags[name] : undefined;
  return names
    .map((name) => ({ field: `tags.${name}`, declared: value(declared, name), found: value(found, name) }))
    .filter((each) => each.declared !== each.found);
}

/** By what the JSON means: the order of members, spaces, and a list of one against its only element do not count. */
export function samePolicy(one: string, other: string | undefined): boolean {
  if (other === undefined) return false;
  try {
    return JSON.stringify(meaning(JSON.parse(one))) === JSON.stringify(meaning(JSON.parse(other)));
  } catch {
    return one === other;
  }
}

function meaning(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(meaning).map((item) => ({ item, text: JSON.stringify(item) }));
    if (items.length === 1) return items[0]?.item;
    return items.sort((a, b) => (a.text < b.text ? -1 : 1)).map(({ item }) => item);
  }
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, member]) => [name, meaning(member)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}
