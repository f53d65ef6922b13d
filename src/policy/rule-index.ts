import type { PolicyRequest } from '../core/policy.ts';
import { HeadIndex } from './head-index.ts';
import type { Pattern } from './pattern.ts';
import { applies, type Rule, type Subject } from './rule.ts';

const WAYS = ['resources', 'names', 'groups', 'namespaces'] as const;
type Way = (typeof WAYS)[number];

interface Ranked {
  readonly rule: Rule;
  readonly rank: number;
}

interface Key {
  readonly way: Way;
  readonly pattern: Pattern;
}

/**
 * Rules of one effect, found by what they begin with: each stands under the rarest of its ids or subjects, so that a
 * request looks at few of thousands. Finds the same rule as trying all of them in order of their names.
 */
export class RuleIndex {
  readonly #ways: Readonly<Record<Way, HeadIndex<Ranked>>>;
  /** Rules that begin with nothing. */
  readonly #general: readonly Ranked[];

  constructor(rules: readonly Rule[]) {
    const ranked = [...rules].sort((a, b) => (a.name < b.name ? -1 : 1)).map((rule, rank) => ({ rule, rank }));
    const frequency = countKeys(rules);
    const entries: Record<Way, { pattern: Pattern; value: Ranked }[]> = {
      resources: [],
      names: [],
      groups: [],
      namespaces: [],
    };
    const general: Ranked[] = [];
    for (const value of ranked) {
      const keys = rarestKeys(value.rule, frequency);
      if (keys === undefined) general.push(value);
      for (const { way, pattern } of keys ?? []) entries[way].push({ pattern, value });
    }
    this.#general = general;
    this.#ways = {
      resources: new HeadIndex(entries.resources),
      names: new HeadIndex(entries.names),
      groups: new HeadIndex(entries.groups),
      namespaces: new HeadIndex(entries.namespaces),
    };
  }

  /** The rule that applies, the first by name where there are several. */
  find(request: PolicyRequest): Rule | undefined {
    let best = first(this.#general, request, undefined);
    const visit = (values: readonly Ranked[]) => {
      best = first(values, request, best);
    };
    const { resources, names, groups, namespaces } = this.#ways;
    const { principal, resource, scope } = request;
    if (!resources.empty) resources.of(resource, visit);
    if (!resources.empty && scope === 'prefix') for (const value of resources.beyond(resource)) visit([value]);
    if (!names.empty) names.of(principal.name, visit);
    if (!namespaces.empty && principal.namespace !== undefined) namespaces.of(principal.namespace, visit);
    if (!groups.empty) for (const group of principal.groups) groups.of(group, visit);
    return best?.rule;
  }
}

/** The lists are in order of rank. */
function first(values: readonly Ranked[], request: PolicyRequest, best: Ranked | undefined): Ranked | undefined {
  for (const value of values) {
    if (best !== undefined && value.rank >= best.rank) return best;
    if (applies(value.rule, request)) return value;
  }
  return best;
}

/** Every way to find a rule, as sets of keys that must all be entered. */
function keySets(rule: Rule): { resources: Key[] | undefined; subjects: Key[][][] } {
  return {
    resources: keysOf('resources', rule.resources?.patterns),
    subjects: rule.subjects.map(subjectKeys),
  };
}

function subjectKeys(subject: Subject): Key[][] {
  return (['names', 'namespaces', 'groups'] as const)
    .map((way) => keysOf(way, subject[way]?.patterns))
    .filter((keys) => keys !== undefined);
}

/** Undefined where one of the patterns begins with nothing. */
function keysOf(way: Way, patterns: readonly Pattern[] | undefined): Key[] | undefined {
  if (patterns === undefined || patterns.some(({ head }) => head === '')) return undefined;
  return patterns.map((pattern) => ({ way, pattern }));
}

function countKeys(rules: readonly Rule[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const rule of rules) {
    const { resources, subjects } = keySets(rule);
    for (const key of [...(resources ?? []), ...subjects.flat(2)]) {
      counts.set(keyText(key), (counts.get(keyText(key)) ?? 0) + 1);
    }
  }
  return counts;
}

/** The keys that lead to the fewest rules; undefined where no key leads to this one. */
function rarestKeys(rule: Rule, frequency: ReadonlyMap<string, number>): Key[] | undefined {
  const cost = (keys: readonly Key[]) => keys.reduce((sum, key) => sum + (frequency.get(keyText(key)) ?? 0), 0);
  const rarest = (sets: readonly Key[][]) => [...sets].sort((a, b) => cost(a) - cost(b))[0];
  const { resources, subjects } = keySets(rule);
  // Each subject may be found in a way of its own, but each must be found.
  const each = subjects.map(rarest);
  const bySubject = each.every((keys) => keys !== undefined) ? each.flat() : undefined;
  return rarest([resources, bySubject].filter((keys) => keys !== undefined));
}

function keyText({ way, pattern }: Key): string {
  return `${way} ${pattern.exact} ${pattern.head}`;
}
