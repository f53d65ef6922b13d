import { median, type Row } from './support/measure.ts';
import { keystead } from './support/service.ts';

/** (e) CPU until ready, and resident memory then. */
export async function benchStartUp(): Promise<Row[]> {
  const cpu: number[] = [];
  const memory: number[] = [];
  for (let round = 0; round < 3; round++) {
    const service = await keystead();
    cpu.push(service.cpuSeconds());
    memory.push(service.residentMegabytes());
    await service.stop();
  }
  const row = (what: string, value: number, unit: string, target: number): Row => ({
    what,
    ours: `${Number(value.toPrecision(3))} ${unit}`,
    baseline: '–',
    ratio: '–',
    target: `< ${target} ${unit}${value < target ? '' : ' (missed)'}`,
  });
  return [
    row('(e) CPU until ready', median(cpu), 's', 0.6),
    row('(e) resident memory when ready', median(memory), 'MB', 90),
  ];
}
