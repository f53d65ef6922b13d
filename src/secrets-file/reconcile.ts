import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { ParameterAspect, ParameterStore, StoredParameter } from '../core/parameters.ts';
import { type Pace, paced, patiently } from './paced.ts';
import { planOf, type Step, type WantedParameter } from './plan.ts';
import { type SecretsFile, storePath } from './secrets-file.ts';

export interface StoreDeps {
  readonly store: ParameterStore;
  readonly pace: Pace;
}

/** What is to be compared besides values. */
export interface Compared {
  /** Tags that the file has not count as a difference. */
  readonly exactTags: boolean;
  /** Looks for places under the path that the file has not. */
  readonly extra: boolean;
}

export interface Comparison {
  readonly steps: readonly Step[];
  /** Places under the path that the file has not. */
  readonly extra: readonly string[];
  readonly stored: ReadonlyMap<string, StoredParameter>;
}

/** Reads the store and compares; writes nothing. The caller disposes the values that were read: `disposeStored`. */
export async function compare(
  file: SecretsFile,
  wanted: readonly WantedParameter[],
  { exactTags, extra }: Compared,
  { store, pace }: StoreDeps,
  call: Call,
): Promise<Comparison> {
  const places = wanted.map(({ place }) => place);
  const there = extra ? await patiently(() => store.list(storePath(file), call), pace, call) : undefined;
  const present = there === undefined ? places : places.filter((place) => there.includes(place));
  const stored = await readAll(present, aspectsOf(file, exactTags, store), { store, pace }, call);
  const known = new Set(places);
  return {
    steps: planOf(wanted, stored, store.keeps, exactTags),
    extra: (there ?? []).filter((place) => !known.has(place)),
    stored,
  };
}

export function disposeStored(stored: ReadonlyMap<string, StoredParameter>): void {
  for (const { value } of stored.values()) value.dispose();
}

/**
 * Carries a plan out, some steps at a time. Where a step fails nothing more begins, and the error says what was done
 * until then; the same command again does the rest.
 */
export async function carryOut(steps: readonly Step[], { store, pace }: StoreDeps, call: Call): Promise<void> {
  const done: string[] = [];
  const carried = new Map<number, number>();
  // A parameter may have two steps, which keep their order.
  const groups = chunks(grouped(steps), store.changes);
  try {
    await paced(
      groups,
      store.width,
      async (group, index) => {
        const changes = group.flat();
        const parts = store.changes === 1 ? changes.map((one) => [one]) : [changes];
        // Asked to slow down, the same group comes again: what is done of it is not done twice.
        for (let at = carried.get(index) ?? 0; at < parts.length; at++) {
          await store.apply(
            (parts[at] as Step[]).map(({ change }) => change),
            call,
          );
          carried.set(index, at + 1);
        }
        done.push(...new Set(changes.map(({ place }) => place)));
      },
      pace,
      call,
    );
  } catch (error) {
    if (!(error instanceof KeysteadError) || steps.length === 1) throw error;
    const what = done.length === 0 ? 'nothing was written' : `already written: ${done.sort().join(', ')}`;
    throw error.saying(`${error.message}; ${what}`);
  }
}

function grouped(steps: readonly Step[]): Step[][] {
  const byPlace = new Map<string, Step[]>();
  for (const step of steps) byPlace.set(step.place, [...(byPlace.get(step.place) ?? []), step]);
  return [...byPlace.values()];
}

async function readAll(
  places: readonly string[],
  aspects: ReadonlySet<ParameterAspect>,
  { store, pace }: StoreDeps,
  call: Call,
): Promise<Map<string, StoredParameter>> {
  const pages = await paced(
    chunks(places, store.batch),
    store.width,
    (part) => store.read(part, aspects, call),
    { ...pace, progress: () => {} },
    call,
  );
  return new Map(pages.flatMap((page) => [...page]));
}

/** Only what the file speaks of is asked for: each of tags and labels is a call for each parameter. */
function aspectsOf(file: SecretsFile, exactTags: boolean, { keeps }: ParameterStore): Set<ParameterAspect> {
  const asked: ParameterAspect[] = ['type', 'description', 'key'];
  if (file.tags !== undefined || exactTags) asked.push('tags');
  for (const extra of ['tier', 'policies', 'labels'] as const) {
    if (file.parameters.some(({ extras }) => extras[extra] !== undefined)) asked.push(extra);
  }
  return new Set(asked.filter((aspect) => keeps.has(aspect)));
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}
