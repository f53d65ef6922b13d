import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { KeyManager } from '../src/key-manager/key-manager.ts';
import type { Row } from './support/measure.ts';

const KEYS = 10_000;
const GETS = 200_000;
/** Microseconds of a cached get, bytes of a key. */
const TARGETS = { micros: 1, bytes: 2048 };

/** (k) A key manager of ten thousand keys: a back out of the cache, and what a key takes of memory. */
export async function benchKeyManager(): Promise<Row[]> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const inUse = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = inUse();
  const manager = new KeyManager();
  const names = Array.from({ length: KEYS }, (_, n) => `application/key-${n}`);
  for (const name of names) {
    manager.defineKey({ name, store: () => Buffer.alloc(32, name), useCase: 'ROUND_TRIP' });
    (await manager.getForwardPathKey(name)).dispose();
  }
  const bytes = Math.round((inUse() - before) / KEYS);
  const kept = new Map(names.map((name, n) => [name, Buffer.alloc(32, n)]));
  const inTurn = await measureGets(manager, kept, names, 1);
  const anyOrder = await measureGets(manager, kept, names, 7919);
  manager.dispose();
  return [
    getsRow('one after the other', inTurn),
    getsRow('in any order', anyOrder),
    {
      what: '(k) memory of one key of 32 bytes, defined and kept',
      ours: `${bytes} bytes`,
      baseline: '–',
      ratio: '–',
      target: `< ${TARGETS.bytes} bytes${bytes < TARGETS.bytes ? '' : ' (missed)'}`,
    },
  ];
}

/** Nanoseconds of a cached get, and of a promise of a copy out of a map, in the same order. @param step a prime. */
async function measureGets(
  manager: KeyManager,
  kept: Map<string, Uint8Array>,
  names: readonly string[],
  step: number,
): Promise<{ gets: number; plain: number }> {
  const gets: number[] = [];
  const plain: number[] = [];
  for (let n = 0; n < GETS; n++) {
    const name = names[(n * step) % names.length] as string;
    const start = process.hrtime.bigint();
    const key = await manager.getBackPathKey(name);
    gets.push(Number(process.hrtime.bigint() - start));
    key.dispose();
  }
  for (let n = 0; n < GETS; n++) {
    const name = names[(n * step) % names.length] as string;
    const start = process.hrtime.bigint();
    await Promise.resolve(new Uint8Array(kept.get(name) as Uint8Array));
    plain.push(Number(process.hrtime.bigint() - start));
  }
  return { gets: median(gets), plain: median(plain) };
}

function getsRow(order: string, { gets, plain }: { gets: number; plain: number }): Row {
  const micros = gets / 1000;
  return {
    what: `(k) cached get of a key manager of ${KEYS.toLocaleString('en')} keys, ${order}, median`,
    ours: `${micros.toFixed(2)} µs`,
    baseline: `a promise of a copy out of a map ${(plain / 1000).toFixed(2)} µs`,
    ratio: (gets / plain).toFixed(2),
    target: `< ${TARGETS.micros} µs${micros < TARGETS.micros ? '' : ' (missed)'}`,
  };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] as number;
}
