import { type KeyChange, type ManagedKey, NAME_TAG } from '../core/key-admin.ts';
import { type Difference, differences, mending, unchangeable } from './compare.ts';
import type { Declaration, WantedState } from './declaration.ts';

/** What was seen of a declared key. */
export interface Observed {
  /** The key that the name leads to. */
  readonly key: ManagedKey | undefined;
  /** Keys made for the name that no name leads to; empty where nobody looked for them. */
  readonly earlier: readonly ManagedKey[];
}

/** One thing to do. */
export type Step =
  | { readonly do: 'create'; readonly to: 'running' | 'stopped' }
  | { readonly do: 'name' | 'restore'; readonly key: ManagedKey; readonly to: 'running' | 'stopped' }
  | { readonly do: 'enable' | 'disable'; readonly key: ManagedKey }
  | { readonly do: 'update'; readonly key: ManagedKey; readonly change: KeyChange }
  | { readonly do: 'terminate'; readonly key: ManagedKey; readonly days: number | undefined }
  | { readonly do: 'wait'; readonly key: ManagedKey };

export interface Plan {
  readonly declaration: Declaration;
  readonly wanted: WantedState | undefined;
  readonly observed: Observed;
  readonly steps: readonly Step[];
  /** What is not as declared, also where a protection leaves it so. */
  readonly drift: readonly Difference[];
  /** What declaration and key contradict each other in; nothing can be done about it but another key. */
  readonly conflicts: readonly Difference[];
  readonly warnings: readonly string[];
}

export interface PlanOptions {
  /** Bring a key back that is being deleted, rather than make another one. */
  readonly restore: boolean;
  /** Whether keys bear `NAME_TAG`. */
  readonly marks: boolean;
}

/** What brings a key to its declared state. Pure: the same of the same. An empty list of steps: it is as declared. */
export function plan(
  declaration: Declaration,
  wanted: WantedState | undefined,
  observed: Observed,
  options: PlanOptions,
): Plan {
  const base = { declaration, wanted, observed, drift: [], conflicts: [], warnings: [] };
  if (wanted === undefined) return { ...base, steps: [] };
  if (wanted === 'terminated' && declaration.keepsOnTermination) {
    const warnings = observed.key === undefined ? [] : ['it is protected from termination (persist_on_termination)'];
    return { ...base, steps: [], warnings };
  }
  const { key } = observed;
  const made = key === undefined ? withoutKey(base, wanted, options) : withKey(base, key, wanted, options);
  return key === undefined || !options.restore ? made : andRestored(made, wanted);
}

/** Steps after which something cannot be opened that could be opened before. */
export function harmfulSteps({ steps }: Plan): ManagedKey[] {
  return steps.flatMap((step) =>
    (step.do === 'terminate' && step.key.state !== 'terminated') || step.do === 'disable' ? [step.key] : [],
  );
}

type Base = Omit<Plan, 'steps'>;

function withoutKey(base: Base, wanted: WantedState, { restore }: PlanOptions): Plan {
  const { earlier } = base.observed;
  const left = earlier.filter(({ state }) => state !== 'terminated');
  const window = earlier.filter(({ state }) => state === 'terminated');
  if (wanted === 'terminated') {
    return { ...base, steps: left.map((key) => ({ do: 'terminate', key, days: base.declaration.deletionDays })) };
  }
  const newest = window.at(-1);
  if (restore && newest !== undefined) return { ...base, steps: [{ do: 'restore', key: newest, to: wanted }] };
  const warnings = window.map(
    ({ resource, deletionDate }) =>
      `what ${resource} wrapped stays with that key, which is deleted ${onDay(deletionDate)}; restore it with --restore`,
  );
  const [oldest] = left;
  if (oldest === undefined) return { ...base, steps: [{ do: 'create', to: wanted }], warnings };
  return { ...base, steps: [{ do: 'name', key: oldest, to: wanted }], warnings };
}

function withKey(base: Base, key: ManagedKey, wanted: WantedState, options: PlanOptions): Plan {
  if (key.state === 'pending') return { ...base, steps: [{ do: 'wait', key }], warnings: pendingHint(key) };
  if (wanted === 'terminated') {
    return { ...base, steps: [{ do: 'terminate', key, days: base.declaration.deletionDays }] };
  }
  if (key.state === 'terminated') return { ...base, steps: [{ do: 'restore', key, to: wanted }] };
  const conflicts = base.declaration.particle ? [] : unchangeable(base.declaration, key);
  if (wanted !== key.state) {
    return { ...base, conflicts, steps: [{ do: wanted === 'running' ? 'enable' : 'disable', key }] };
  }
  return wanted === 'running' ? withDrift({ ...base, conflicts }, key, options) : { ...base, conflicts, steps: [] };
}

/** A running key is compared with its declaration; a stopped one is not. */
function withDrift(base: Base, key: ManagedKey, { marks }: PlanOptions): Plan {
  const { declaration } = base;
  const drift = differences(declaration, key);
  if (declaration.keepsOnUpdate) {
    const warnings = drift.length === 0 ? [] : ['it is protected from changes (persist_on_update)'];
    return { ...base, drift, steps: [], warnings };
  }
  const missing = marks && key.tags !== undefined && key.nameTag === undefined;
  const all = missing
    ? [...drift, { field: `tags.${NAME_TAG}`, declared: markOf(declaration), found: undefined }]
    : drift;
  if (all.length === 0) return { ...base, drift: all, steps: [] };
  return { ...base, drift: all, steps: [{ do: 'update', key, change: mending(declaration, key, all) }] };
}

/** The name is another key's by now: what was wrapped can be opened again all the same, by the key itself. */
function andRestored(made: Plan, wanted: WantedState): Plan {
  const newest = made.observed.earlier.filter(({ state }) => state === 'terminated').at(-1);
  if (newest === undefined || wanted === 'terminated') return made;
  return {
    ...made,
    steps: [...made.steps, { do: 'restore', key: newest, to: 'running' }],
    warnings: [
      ...made.warnings,
      `${made.declaration.name} stays with ${made.observed.key?.resource}; ${newest.resource} is restored without a name`,
    ],
  };
}

function pendingHint({ providerState, resource }: ManagedKey): string[] {
  if (providerState === 'PendingImport') return [`${resource} waits for its key material; import it`];
  if (providerState === 'Unavailable') return [`the key store of ${resource} is away; connect it`];
  return [];
}

function markOf({ name }: Declaration): string {
  return name.replace(/^alias\//, '');
}

export function onDay(date: Date | undefined): string {
  return date === undefined ? 'soon' : `on ${date.toISOString().slice(0, 10)}`;
}
