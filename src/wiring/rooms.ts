import type { Config } from '../config/schema.ts';
import { KeysteadError } from '../core/errors.ts';
import { fencedKek } from '../core/fenced-kek.ts';
import { Guard } from '../core/guard.ts';
import { type WatchedDoor, watchDoor } from '../core/health.ts';
import type { Kek } from '../core/kek.ts';
import { kekRing } from '../core/kek-ring.ts';
import { limiter } from '../core/limiter.ts';
import { observed } from '../core/observed.ts';
import { ownCall } from '../core/own-call.ts';
import { kekThrough, type Passage, storeThrough } from '../core/passage.ts';
import type { Policy } from '../core/policy.ts';
import type { WrappedKeyStore } from '../core/store.ts';
import { cachedDataKeys } from '../data-keys/cached.ts';
import { purgeDaily } from '../data-keys/daily-purge.ts';
import type { DataKeyJobs, DataKeys } from '../data-keys/data-keys.ts';
import { derivedDataKeyJobs, derivedDataKeys } from '../data-keys/derived.ts';
import { guardedDataKeyJobs } from '../data-keys/guard.ts';
import { storedDataKeyJobs } from '../data-keys/jobs.ts';
import { singleFlight } from '../data-keys/single-flight.ts';
import { storedDataKeys } from '../data-keys/stored.ts';
import { openTokenKey } from '../data-keys/token-key.ts';
import { unavailableWhenAway } from '../data-keys/when-away.ts';
import type { Ambient } from './ambient.ts';
import type { Doors } from './doors.ts';

/** Data keys over open doors, and what looks after both. */
export interface DataKeyRoom {
  readonly dataKeys: DataKeys;
  readonly jobs: DataKeyJobs;
  readonly tokenKey: ReturnType<typeof openTokenKey>;
  readonly watched: readonly WatchedDoor[];
  close(): Promise<void>;
}

const DAY_MS = 86_400_000;

/** Derived or stored data keys, as the mode says. */
export function openDataKeys(doors: Doors, config: Config, ambient: Ambient): DataKeyRoom {
  return doors.mode === 'derive' ? derivedRoom(doors, ambient) : storedRoom(doors, config, ambient);
}

function derivedRoom({ kek, deriving, store }: Doors, ambient: Ambient): DataKeyRoom {
  if (deriving === undefined) {
    throw new KeysteadError('bad-config', `${kek.uri} can derive no data keys; give a store for wrapped ones`);
  }
  const tokenKey = openTokenKey({ ...ambient, kek, store: undefined });
  return {
    dataKeys: derivedDataKeys({ kek: deriving }),
    jobs: derivedDataKeyJobs(),
    tokenKey,
    watched: [watchKek(kek, ambient, 0), ...(store === undefined ? [] : [watchStore(store, ambient)])],
    close: () => tokenKey.close(),
  };
}

/** Inner to outer: door, metrics and health, limits, fence; then data keys, one flight an id, cache. */
function storedRoom(doors: Doors, config: Config, ambient: Ambient): DataKeyRoom {
  if (doors.store === undefined) {
    throw new KeysteadError('bad-config', `${doors.kek.uri} wraps data keys, which need a store; give one`);
  }
  const local = doors.custody !== undefined;
  // Every check is a proof that the KEK unwraps what it wraps. A KEK in this process costs nothing to ask.
  const plain = fencedKek(doors.kek, ambient);
  const watchedKek = watchKek(plain, ambient, local ? 0 : undefined);
  const watchedStore = watchStore(doors.store, ambient);
  const current = kekThrough(
    plain,
    ...(local ? [told('kms', plain.uri, ambient)] : passages('kms', plain.uri, watchedKek, config, ambient)),
  );
  // Outside the fence: what a former KEK unwraps proves nothing of the one that wraps.
  const kek = kekRing(current, doors.former);
  const store = storeThrough(doors.store, ...passages('storage', doors.store.uri, watchedStore, config, ambient));
  const { constellation, deletionWindow } = config.records;
  const deps = { ...ambient, kek, store, constellation, restorableMs: deletionWindow * DAY_MS };
  const shared = singleFlight(storedDataKeys(deps));
  const { ttl, maxKeys, offline } = config.cache;
  const settings = { ttlMs: ttl * 1000, maxKeys, offlineMs: offline * 1000 };
  const cache = ttl === 0 ? undefined : cachedDataKeys(shared, settings, ambient.clock);
  const tokenKey = openTokenKey(deps);
  const jobs = storedDataKeyJobs(deps);
  const daily = purgeDaily({
    ...ambient,
    store,
    purge: (call) => audited(jobs, ambient).purgeAll({}, call),
    ownCall: (signal) => ({ ...ownCall(ambient), signal }),
  });
  return {
    dataKeys: unavailableWhenAway(cache ?? shared),
    jobs,
    tokenKey,
    watched: [watchedKek, watchedStore],
    async close() {
      await daily.close();
      cache?.close();
      await tokenKey.close();
    },
  };
}

/** Walks of the service itself: it needs nobody's permission, and leaves the same line in the audit trail. */
function audited(inner: DataKeyJobs, { audit, clock }: Ambient): DataKeyJobs {
  const own: Policy = { decide: () => ({ allowed: true, rule: 'own-work' }) };
  return guardedDataKeyJobs({ inner, guard: new Guard({ policy: own, audit, clock }) });
}

/** The limiter stands outside, so that the time in its queue is not counted as the upstream's. */
function passages(
  door: 'kms' | 'storage',
  uri: string,
  watched: WatchedDoor,
  config: Config,
  ambient: Ambient,
): Passage[] {
  const { concurrency, rate, queue } = config.upstream;
  return [
    watched.passage,
    limiter(uri, { concurrency, perSecond: rate, queue }, ambient.clock),
    told(door, uri, ambient),
    ...(ambient.tracing === undefined ? [] : [ambient.tracing.passage(door, providerOf(uri))]),
  ];
}

/** Counts the calls to a door, also to the cluster's own KEK, which is nothing to wait for. */
function told(door: 'kms' | 'storage', uri: string, { metrics }: Ambient): Passage {
  const provider = providerOf(uri);
  return observed(
    (outcome) => metrics.upstream(door, provider, outcome),
    () => performance.now(),
  );
}

function providerOf(uri: string): string {
  return /^\w+:\/\/([\w-]+)/.exec(uri)?.[1] ?? 'unknown';
}

function watchKek(kek: Kek, { clock }: Ambient, freshMs: number | undefined): WatchedDoor {
  const fresh = freshMs === undefined ? {} : { freshMs };
  return watchDoor({ name: 'kms', uri: kek.uri, check: (call) => kek.check(call), clock, ...fresh });
}

function watchStore(store: WrappedKeyStore, { clock }: Ambient): WatchedDoor {
  return watchDoor({ name: 'storage', uri: store.uri, check: (call) => store.check(call), clock });
}
