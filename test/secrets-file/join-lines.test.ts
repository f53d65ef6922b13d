import fc from 'fast-check';
import t from 'tap';
import { joinLines } from '../../src/secrets-file/join-lines.ts';
import { holds } from '../support/property.ts';

t.test('lines that one side changed go beside those that the other did', async (t) => {
  const base = 'a\nb\nc\n';
  t.equal(joinLines(base, 'A\nb\nc\n', 'a\nb\nC\n'), 'A\nb\nC\n');
  t.equal(joinLines(base, 'A\nb\nc\n', 'a\nB\nc\n'), 'A\nB\nc\n', 'next to each other');
  t.equal(joinLines(base, 'a\nx\nb\nc\n', 'a\nB\nc\n'), 'a\nx\nB\nc\n', 'right before');
  t.equal(joinLines(base, 'b\nc\n', 'a\nb\nc\nd\n'), 'b\nc\nd\n');
});

t.test('where both changed the same lines, or put some at one place, nothing is joined', async (t) => {
  for (const [ours, theirs] of [
    ['A\nb\n', 'x\nb\n'],
    ['a\nx\nb\n', 'a\ny\nb\n'],
    ['', 'a\nB\n'],
    ['A\nb\nC\n', 'a\nB\n'],
  ] as const) {
    t.equal(joinLines('a\nb\n', ours, theirs), undefined);
  }
});

t.test('the sides may change places, and one that changed nothing has no say', async (t) => {
  const text = fc
    .array(fc.constantFrom('a\n', 'b\n', 'c\n', '\n', 'd'), { maxLength: 8 })
    .map((parts) => parts.join(''));
  const property = fc.property(text, text, text, (base, one, other) => {
    return joinLines(base, base, one) === one && joinLines(base, one, other) === joinLines(base, other, one);
  });
  await holds(t, property, { numRuns: 500 });
});
