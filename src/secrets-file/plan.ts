import type { ParameterAspect, ParameterStore, StoreChange, StoredParameter } from '../core/parameters.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';

/** A parameter as the file wants it; what is absent is the store's own affair. */
export interface WantedParameter {
  readonly name: string;
  readonly place: string;
  readonly parameter: StoredParameter;
}

/** Leaves the choice to AWS, which tells what it chose: not this. */
const CHOSEN_TIER = 'Intelligent-Tiering';

export type Difference = ParameterAspect | 'value';

/** One parameter that is not as the file wants it. */
export interface Step {
  readonly action: 'create' | 'update' | 'tag' | 'delete';
  readonly place: string;
  /** For `update` and `tag`: what differs. */
  readonly differs: readonly Difference[];
  readonly change: StoreChange;
}

/**
 * What makes a store as the file wants it; only what differs is written. Pure; a second run gives no step.
 *
 * @param exactTags takes away tags that the file has not.
 */
export function planOf(
  wanted: readonly WantedParameter[],
  stored: ReadonlyMap<string, StoredParameter>,
  keeps: ParameterStore['keeps'],
  exactTags: boolean,
): Step[] {
  return wanted.flatMap(({ place, parameter }): Step[] => {
    const there = stored.get(place);
    const put: StoreChange = { kind: 'put', place, parameter };
    if (there === undefined) return [{ action: 'create', place, differs: [], change: put }];
    const differs = differences(parameter, there, keeps, exactTags);
    if (differs.length === 0) return [];
    const stale = exactTags ? [...(there.tags ?? new Map()).keys()].filter((tag) => !parameter.tags?.has(tag)) : [];
    const tags = { kind: 'tag', place, set: parameter.tags ?? new Map(), remove: stale } as const;
    if (differs.every((what) => what === 'tags' || what === 'labels')) {
      const set = differs.includes('tags') ? tags.set : new Map();
      const labels = differs.includes('labels') ? { labels: parameter.labels ?? [] } : {};
      return [{ action: 'tag', place, differs, change: { ...tags, set, ...labels } }];
    }
    const update: Step = { action: 'update', place, differs, change: put };
    return stale.length === 0 ? [update] : [update, { action: 'tag', place, differs: ['tags'], change: tags }];
  });
}

/** A step that deletes. */
export function deletion(place: string): Step {
  return { action: 'delete', place, differs: [], change: { kind: 'delete', place } };
}

function differences(
  wanted: StoredParameter,
  there: StoredParameter,
  keeps: ParameterStore['keeps'],
  exactTags: boolean,
): Difference[] {
  const aspect = (name: ParameterAspect, equal: boolean) => (keeps.has(name) && !equal ? [name] : []);
  return [
    ...(same(wanted.value, there.value) ? [] : (['value'] as const)),
    ...aspect('type', wanted.type === there.type),
    ...aspect('description', (wanted.description ?? '') === (there.description ?? '')),
    ...aspect('key', wanted.type !== 'SecureString' || sameKey(wanted.key, there.key)),
    ...aspect('tags', sameTags(wanted.tags ?? new Map(), there.tags ?? new Map(), exactTags)),
    ...aspect('tier', wanted.tier === undefined || wanted.tier === CHOSEN_TIER || wanted.tier === there.tier),
    ...aspect('policies', wanted.policies === undefined || sameJson(wanted.policies, there.policies ?? '[]')),
    ...aspect(
      'labels',
      (wanted.labels ?? []).every((label) => there.labels?.includes(label)),
    ),
  ];
}

function same(a: SecretBytes, b: SecretBytes): boolean {
  return a.length === b.length && a.equals(b);
}

/** A key is named by its id or ARN, or by an alias or its ARN; the store answers as it was told. */
function sameKey(wanted: string | undefined, there: string | undefined): boolean {
  const name = (text = 'alias/aws/ssm') => text.replace(/^arn:[a-z-]+:kms:[a-z0-9-]+:\d+:(?:key\/)?/, '');
  return wanted === undefined || name(wanted) === name(there);
}

function sameTags(wanted: ReadonlyMap<string, string>, there: ReadonlyMap<string, string>, exact: boolean): boolean {
  if (exact && wanted.size !== there.size) return false;
  return [...wanted].every(([name, value]) => there.get(name) === value);
}

function sameJson(a: string, b: string): boolean {
  try {
    return canonical(JSON.parse(a)) === canonical(JSON.parse(b));
  } catch {
    return a === b;
  }
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
