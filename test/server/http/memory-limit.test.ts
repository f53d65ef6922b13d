import { getHeapStatistics } from 'node:v8';
import t from 'tap';
import { memoryLimit } from '../../../src/server/http/memory-limit.ts';
import { testConfig } from '../../support/services.ts';

const GIB = 1024 ** 3;
const limit = (memory: number, workers: number, machine: { total: number; container: number }) =>
  memoryLimit(testConfig({ limits: { memory }, workers }), machine).resident;

t.test('the limit is most of what the container has, or else the machine', async (t) => {
  t.equal(limit(0, 1, { total: 8 * GIB, container: GIB }), Math.floor(0.85 * GIB));
  t.equal(limit(0, 1, { total: 8 * GIB, container: 0 }), Math.floor(0.85 * 8 * GIB));
  t.equal(
    limit(0, 1, { total: 8 * GIB, container: 2 ** 63 }),
    Math.floor(0.85 * 8 * GIB),
    'a container without a limit',
  );
});

t.test('a limit that is given counts as it is', async (t) => {
  t.equal(limit(512, 1, { total: 8 * GIB, container: GIB }), GIB / 2);
});

t.test('workers share it', async (t) => {
  t.equal(limit(512, 4, { total: 8 * GIB, container: GIB }), GIB / 8);
  t.ok(memoryLimit(testConfig({ workers: 'auto' })).resident <= memoryLimit(testConfig({ workers: 1 })).resident);
});

t.test('the heap has a limit of its own, below that of Node', async (t) => {
  t.ok(memoryLimit(testConfig()).heap < getHeapStatistics().heap_size_limit);
});
