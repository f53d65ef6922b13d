import t from 'tap';
import { type Choice, covering, product, tuples } from '../kubernetes/support/covering.ts';

const VALUES = { a: ['1', '2'], b: ['1', '2', '3'], c: ['1', '2', '3', '4'], d: ['1', '2'], e: ['1', '2', '3'] };
const allowed = ({ a, c, e }: Choice) => !(a === '2' && c === '4') && !(c === '1' && e === '3');
const holds = (choice: Choice, part: Choice) => Object.entries(part).every(([name, value]) => choice[name] === value);

t.test('every so many values come together where they may, in few choices', async (t) => {
  for (const strength of [1, 2, 3]) {
    const choices = covering(VALUES, { strength, allowed });
    const wanted = tuples(VALUES, strength).filter(allowed);
    t.ok(wanted.length > 10);
    t.same(
      wanted.filter((part) => !choices.some((choice) => holds(choice, part))),
      [],
    );
    t.ok(choices.every((choice) => allowed(choice) && Object.keys(choice).length === 5));
    t.ok(choices.length < product(VALUES).filter(allowed).length / 2, `${choices.length}`);
  }
});

t.test('where it is asked for, all combinations of some come besides', async (t) => {
  const all = { a: ['1', '2'], b: ['1', '3'], c: ['1', '4'] };
  const choices = covering(VALUES, { strength: 2, all, allowed });
  for (const strength of [3, 2]) {
    const wanted = (strength === 3 ? product(all) : tuples(VALUES, 2)).filter(allowed);
    t.ok(wanted.every((part) => choices.some((choice) => holds(choice, part))));
  }
});
