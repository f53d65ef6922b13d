import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fencedKek } from '../src/core/fenced-kek.ts';
import type { Kek } from '../src/core/kek.ts';
import { kekRing } from '../src/core/kek-ring.ts';
import { kekThrough, storeThrough } from '../src/core/passage.ts';
import type { WrappedKeyStore } from '../src/core/store.ts';
import { storedDataKeyJobs } from '../src/data-keys/jobs.ts';
import { storedDataKeys } from '../src/data-keys/stored.ts';
import { testAmbient, testCall } from '../test/support/services.ts';
import { callsEach, counter } from './support/count.ts';
import type { Row } from './support/measure.ts';

/** What a `rewrap --all` from one KEK to another did. */
export interface Rewrapped {
  readonly records: number;
  readonly seconds: number;
  /** Calls upstream for each record, in words. */
  readonly calls: string;
  /** Megabytes of resident memory at most, over what there was when it began. */
  readonly resident: number;
  /** The same of memory that is in use, after a collection, as it is between pages. */
  readonly live: number;
}

const FEW = 1000;
const MANY = 10_000;
/** The least that shows a rate on an emulator, each of whose calls takes milliseconds. */
const ON_EMULATOR = 200;
/** Megabytes in use that ten times the records may need more. */
const MAX_MORE = 2;
const SAMPLE_MS = 20;
/** Collections take time of the walk's, so there are a few only. */
const PAGES_A_SAMPLE = 10;
const call = testCall();

/** Makes so many data keys under one KEK, and moves all to another. */
export async function rewrapAll(from: Kek, to: Kek, bareStore: WrappedKeyStore, records: number): Promise<Rewrapped> {
  const { random, clock } = testAmbient();
  const { counts, passage } = counter();
  const store = storeThrough(bareStore, passage);
  const before = storedDataKeys({ kek: fencedKek(from, { random, clock }), store, random, clock });
  let next = 0;
  const make = async () => {
    while (next < records) {
      (await before.get({ id: `pvc-${next++}`, length: 32, create: 'must' }, call)).key.dispose();
    }
  };
  await Promise.all(Array.from({ length: 8 }, make));
  const kek = kekThrough(kekRing(fencedKek(to, { random, clock }), [from]), passage);
  await kek.check(call);
  counts.clear();
  const live = mostOf(liveMegabytes);
  const resident = mostOf(() => process.memoryUsage.rss() / 2 ** 20);
  const timer = setInterval(resident.look, SAMPLE_MS);
  let pages = 0;
  const onProgress = () => {
    if (++pages % PAGES_A_SAMPLE === 0) live.look();
  };
  const begin = performance.now();
  const report = await storedDataKeyJobs({ kek, store, random, clock }).rewrapAll({ onProgress }, call);
  const seconds = (performance.now() - begin) / 1000;
  clearInterval(timer);
  resident.look();
  live.look();
  if (report.changed !== records) throw new Error(`${report.changed} of ${records} records were rewrapped`);
  return { records, seconds, calls: callsEach(counts, records), resident: resident.over(), live: live.over() };
}

/** The most that was seen of something, over what it was at first. */
function mostOf(now: () => number) {
  const first = now();
  let most = first;
  return {
    look: () => {
      most = Math.max(most, now());
    },
    over: () => most - first,
  };
}

function liveMegabytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 2 ** 20;
}

/** A store in memory and KEKs in this process: what the walk itself costs, and whether it keeps what it has seen. */
export async function rewrapMemoryRow(): Promise<Row> {
  const [few, many] = [await inOwnProcess(FEW), await inOwnProcess(MANY)];
  const more = many.live - few.live;
  const said = (of: Rewrapped) =>
    `${rateOf(of)} records/s, ${of.live.toFixed(1)} MB in use, ${of.resident.toFixed(0)} MB resident`;
  return {
    what: `(f) \`rewrap --all\` of ${MANY.toLocaleString('en-US')} records in memory: rate, and what it takes of memory at most`,
    ours: said(many),
    baseline: `${FEW.toLocaleString('en-US')} records: ${said(few)}`,
    ratio: `${more.toFixed(1)} MB more`,
    target: `≤ ${MAX_MORE} MB more${more <= MAX_MORE ? '' : ' (missed)'}`,
  };
}

export async function rewrapEmulatorRow(from: Kek, to: Kek, store: WrappedKeyStore): Promise<Row> {
  const done = await rewrapAll(from, to, store, ON_EMULATOR);
  return {
    what: `(f) \`rewrap --all\` of ${ON_EMULATOR} records on the emulator`,
    ours: `${rateOf(done)} records/s`,
    baseline: `for each: ${done.calls}`,
    ratio: '–',
    target: '–',
  };
}

function rateOf({ records, seconds }: Rewrapped): string {
  return Number((records / seconds).toPrecision(2)).toLocaleString('en-US');
}

/** In a process of its own, so that its memory is nobody else's. */
async function inOwnProcess(records: number): Promise<Rewrapped> {
  const entry = join(import.meta.dirname, 'baselines', 'rewrap-all.ts');
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', entry, `${records}`]);
  return JSON.parse(stdout);
}
