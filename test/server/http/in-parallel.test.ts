import t from 'tap';
import { inParallel } from '../../../src/server/http/in-parallel.ts';

t.test('results keep the order of the items, however long each takes', async (t) => {
  const items = [3, 1, 2, 0, 5];
  const turns = async (count: number) => {
    for (let n = 0; n < count; n++) await undefined;
    return `done ${count}`;
  };
  t.strictSame(
    await inParallel(items, 2, turns),
    items.map((count) => `done ${count}`),
  );
  t.strictSame(await inParallel([], 2, turns), []);
});

t.test('no more work runs at a time than is allowed, and no less', async (t) => {
  let running = 0;
  let most = 0;
  await inParallel(Array.from({ length: 20 }), 4, async () => {
    most = Math.max(most, ++running);
    await undefined;
    running--;
  });
  t.equal(most, 4);
});

t.test('work that never waits lets others in between', async (t) => {
  let othersHad = 0;
  let going = true;
  const other = () => {
    othersHad++;
    if (going) setImmediate(other);
  };
  setImmediate(other);
  const busy = async (item: number) => {
    for (const end = performance.now() + 1; performance.now() < end; );
    return item;
  };
  const items = Array.from({ length: 60 }, (_, n) => n);
  t.strictSame(await inParallel(items, 4, busy), items);
  going = false;
  t.ok(othersHad >= 5, `${othersHad} turns`);
});

t.test('work that fails after others were let in fails the whole', async (t) => {
  const busy = async (item: number) => {
    for (const end = performance.now() + 1; performance.now() < end; );
    if (item === 30) throw new Error('item 30');
  };
  await t.rejects(
    inParallel(
      Array.from({ length: 40 }, (_, n) => n),
      4,
      busy,
    ),
    /item 30/,
  );
});
