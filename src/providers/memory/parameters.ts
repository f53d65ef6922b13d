import {
  PARAMETER_ASPECTS,
  type ParameterAspect,
  type ParameterStore,
  type StoreChange,
  type StoredParameter,
} from '../../core/parameters.ts';
import { SecretBytes } from '../../core/secret-bytes.ts';

interface Kept {
  readonly value: Uint8Array;
  readonly rest: Omit<StoredParameter, 'value' | 'tags' | 'version'>;
  readonly tags: ReadonlyMap<string, string>;
  readonly version: number;
}

/** The example of the contract: keeps everything, for as long as the process lives. */
export function memoryParameters(): ParameterStore {
  const kept = new Map<string, Kept>();
  return {
    uri: 'parameters://memory',
    keeps: new Set(PARAMETER_ASPECTS),
    width: 1,
    batch: 100,
    changes: 100,
    place: (path, name) => path + name,
    async list(path) {
      return [...kept.keys()].filter((place) => place.startsWith(path)).sort();
    },
    async read(places, aspects) {
      return new Map(
        places.flatMap((place) => {
          const found = kept.get(place);
          return found === undefined ? [] : [[place, shown(found, aspects)]];
        }),
      );
    },
    async apply(changes) {
      return changes.map((change) => applyOne(kept, change));
    },
    async close() {
      for (const { value } of kept.values()) value.fill(0);
      kept.clear();
    },
  };
}

function applyOne(kept: Map<string, Kept>, change: StoreChange): number | undefined {
  const { place } = change;
  const before = kept.get(place);
  if (change.kind === 'delete') {
    kept.delete(place);
    return undefined;
  }
  if (change.kind === 'put') {
    const { value, tags = new Map(), version: _version, ...rest } = change.parameter;
    const version = (before?.version ?? 0) + 1;
    kept.set(place, {
      value: Uint8Array.from(value.expose()),
      rest,
      tags: new Map([...(before?.tags ?? []), ...tags]),
      version,
    });
    return version;
  }
  if (before !== undefined) {
    const tags = new Map([...before.tags, ...change.set].filter(([name]) => !change.remove.includes(name)));
    const labels = [...new Set([...(before.rest.labels ?? []), ...(change.labels ?? [])])].sort();
    kept.set(place, { ...before, tags, rest: labels.length === 0 ? before.rest : { ...before.rest, labels } });
  }
  return undefined;
}

function shown({ value, rest, tags, version }: Kept, aspects: ReadonlySet<ParameterAspect>): StoredParameter {
  const asked = Object.entries(rest).filter(([aspect]) => aspects.has(aspect as ParameterAspect));
  return {
    value: SecretBytes.copyOf(value),
    version,
    ...Object.fromEntries(asked),
    ...(aspects.has('tags') ? { tags } : {}),
  };
}
