import { availableParallelism, totalmem } from 'node:os';
import { getHeapStatistics } from 'node:v8';
import type { Config } from '../../config/schema.ts';

const MIB = 1024 * 1024;
/** Of what there is: the rest is for requests that are being answered, and for the collector. */
const SHARE = 0.85;

/** Bytes from which on one process of the service takes no more requests. */
export interface MemoryLimit {
  /** Of memory that is resident. */
  readonly resident: number;
  /** Of objects on the heap, whose size Node limits by itself. */
  readonly heap: number;
}

/** @param machine what the machine, and the container, have: bytes; of a container without a limit 0, or more than there is. */
export function memoryLimit(
  { limits, workers }: Pick<Config, 'limits' | 'workers'>,
  machine: { readonly total: number; readonly container: number } = {
    total: totalmem(),
    container: process.constrainedMemory(),
  },
): MemoryLimit {
  const processes = workers === 'auto' ? availableParallelism() : workers;
  const given = limits.memory * MIB;
  const there = machine.container > 0 ? Math.min(machine.container, machine.total) : machine.total;
  return {
    resident: Math.floor((given > 0 ? given : there * SHARE) / processes),
    heap: Math.floor(getHeapStatistics().heap_size_limit * SHARE),
  };
}
