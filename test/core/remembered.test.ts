import fc from 'fast-check';
import t from 'tap';
import { Remembered } from '../../src/core/remembered.ts';
import { holds } from '../support/property.ts';

t.test('what was put is found, until it is forgotten', async (t) => {
  const memory = new Remembered<number>(10);
  memory.put('a', 1);
  t.equal(memory.find('a'), 1);
  memory.put('a', 2);
  t.equal(memory.find('a'), 2);
  t.equal(memory.find('b'), undefined);
  memory.forget('a');
  t.equal(memory.find('a'), undefined);
});

t.test('there is never more than there is room for, and never a value of another mark', async (t) => {
  const mark = fc.integer({ min: 0, max: 30 }).map(String);
  await holds(
    t,
    fc.property(fc.integer({ min: 2, max: 12 }), fc.array(fc.tuple(fc.boolean(), mark)), (most, steps) => {
      const memory = new Remembered<string>(most);
      for (const [put, name] of steps) {
        if (put) memory.put(name, name);
        else if (![undefined, name].includes(memory.find(name))) return false;
        if (memory.size > most) return false;
      }
      return true;
    }),
  );
});

t.test('what is asked for again and again stays, whatever passes by', async (t) => {
  const memory = new Remembered<number>(10);
  memory.put('mine', 1);
  for (let n = 0; n < 1000; n++) {
    memory.put(`other ${n}`, n);
    t.equal(memory.find('mine'), 1);
  }
  t.equal(memory.find('other 0'), undefined);
});
