import type { Test } from 'tap';
import { CLOUDS } from '../test/support/clouds.ts';
import { median, type Row } from './support/measure.ts';
import { keysteadIn, type Running } from './support/service.ts';

const ROUNDS = 3;

interface Start {
  readonly name: string;
  readonly cpu: number[];
  readonly memory: number[];
  run(): Promise<Running>;
}

/** (g) CPU until ready, and resident memory then, with each cloud's KEK and store; beside the cluster's KEK. */
export async function benchDoors(): Promise<Row[]> {
  const teardowns: (() => unknown)[] = [];
  const t = {
    teardown: (undo: () => unknown) => teardowns.push(undo),
    plan: (_n: number, why?: string) => process.stderr.write(`skipped: ${why}\n`),
  };
  try {
    const starts: Start[] = [start('cluster', () => keysteadIn({}))];
    for (const [name, open] of Object.entries(CLOUDS)) {
      const cloud = await open(t as unknown as Test);
      if (cloud === undefined) continue;
      starts.push(start(name, () => keysteadIn(cloud.env, '--kms', cloud.kms, '--storage', cloud.storage())));
    }
    // Interleaved, so that a drift of the machine hits all alike.
    for (let round = 0; round < ROUNDS; round++) for (const one of starts) await measure(one);
    const [cluster, ...clouds] = starts as [Start, ...Start[]];
    return clouds.map((cloud) => rowOf(cloud, cluster));
  } finally {
    for (const undo of teardowns.reverse()) await undo();
  }
}

function start(name: string, run: () => Promise<Running>): Start {
  return { name, cpu: [], memory: [], run };
}

async function measure({ run, cpu, memory }: Start): Promise<void> {
  const service = await run();
  cpu.push(service.cpuSeconds());
  memory.push(service.residentMegabytes());
  await service.stop();
}

function rowOf(cloud: Start, cluster: Start): Row {
  const [cpu, memory] = [median(cloud.cpu), median(cloud.memory)];
  const [leastCpu, leastMemory] = [median(cluster.cpu), median(cluster.memory)];
  return {
    what: `(g) ready with \`kms://${cloud.name}\` and \`storage://${cloud.name}\`: CPU, resident memory`,
    ours: `${cpu.toFixed(2)} s, ${memory.toFixed(0)} MB`,
    baseline: `\`kms://cluster-kms\`, no cloud's door loaded: ${leastCpu.toFixed(2)} s, ${leastMemory.toFixed(0)} MB`,
    ratio: `+${(cpu - leastCpu).toFixed(2)} s, +${(memory - leastMemory).toFixed(0)} MB`,
    target: '–',
  };
}
