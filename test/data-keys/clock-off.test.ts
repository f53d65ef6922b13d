import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { CLOUDS } from '../support/clouds.ts';
import { type GivenKey, KeyProcess } from '../support/key-process.ts';

t.setTimeout(400_000);

const MINUTES = 60_000;
const SHIFTED = pathToFileURL(join(import.meta.dirname, '../support/clock-off.ts')).href;

for (const [name, open] of Object.entries(CLOUDS)) {
  t.test(`${name}: clocks ten minutes off to either side, and the right one, get the same keys`, async (t) => {
    const cloud = await open(t);
    if (cloud === undefined) return;
    const start = (by: number) => {
      const env = { ...cloud.env, NODE_OPTIONS: `--import=${SHIFTED}`, TEST_CLOCK_OFF_BY: String(by) };
      return KeyProcess.start(t, { ...cloud, env }, cloud.storage());
    };
    const processes = await Promise.all([start(0), start(10 * MINUTES), start(-10 * MINUTES)]);
    for (const [n, one] of processes.entries()) {
      // Each makes one key, which the others get.
      one.get({ ids: [`made by ${n}`], times: 1 });
      await one.answered(1);
    }
    const ids = processes.map((_, n) => `made by ${n}`);
    for (const one of processes) one.get({ ids, times: 1 });
    await Promise.all(processes.map((one) => one.answered(1 + ids.length)));
    const answers = processes.flatMap((one) => one.answers);
    t.same(
      answers.filter((answer) => 'failed' in answer),
      [],
    );
    for (const id of ids) {
      const given = answers.filter((answer): answer is GivenKey => 'key' in answer && answer.id === id);
      t.equal(given.length, 4);
      t.equal(new Set(given.map(({ key }) => key)).size, 1);
      t.equal(given.filter(({ created }) => created).length, 1);
    }
  });
}
