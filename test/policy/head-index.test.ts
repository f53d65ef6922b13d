import fc from 'fast-check';
import t from 'tap';
import { HeadIndex } from '../../src/policy/head-index.ts';
import { literally, matches, meets, type Pattern, parsePattern } from '../../src/policy/pattern.ts';

/** Beginnings of more lengths than the index keeps apart. */
const entries = fc
  .uniqueArray(fc.tuple(fc.nat(59), fc.constantFrom('a', 'b'), fc.constantFrom('', '*', '**', '**')), {
    minLength: 45,
    maxLength: 60,
    selector: ([length]) => length,
  })
  .map((all) => all.map(([length, last, run], value) => ({ pattern: parsed('a'.repeat(length) + last + run), value })));
const texts = fc
  .tuple(fc.nat(62), fc.constantFrom('', 'a', 'b', 'ab', '/b'))
  .map(([length, tail]) => 'a'.repeat(length) + tail);

function keep(found: Set<number>, values: readonly number[]): void {
  for (const value of values) found.add(value);
}

function parsed(text: string): Pattern {
  const pattern = parsePattern(text);
  if ('wrong' in pattern) throw new Error(literally(text));
  return pattern;
}

t.test('every value whose pattern matches a text is found, of however many lengths the patterns are', async () => {
  fc.assert(
    fc.property(entries, texts, (all, text) => {
      const found = new Set<number>();
      new HeadIndex(all).of(text, (values) => keep(found, values));
      return all.every(({ pattern, value }) => !matches(pattern, text) || found.has(value));
    }),
    { numRuns: 300 },
  );
});

t.test('every value whose pattern meets a prefix is found by it or beyond it', async () => {
  fc.assert(
    fc.property(entries, texts, (all, prefix) => {
      const index = new HeadIndex(all);
      const found = new Set(index.beyond(prefix));
      index.of(prefix, (values) => keep(found, values));
      return all.every(({ pattern, value }) => !meets(pattern, prefix) || found.has(value));
    }),
    { numRuns: 300 },
  );
});

t.test('a text that begins like nothing finds nothing, among thousands', async (t) => {
  const many = Array.from({ length: 5000 }, (_, value) => ({ pattern: parsed(`team-${value}/**`), value }));
  const index = new HeadIndex(many);
  const found: number[] = [];
  index.of('other/x', (values) => found.push(...values));
  t.same(found, []);
  index.of('team-77/x', (values) => found.push(...values));
  t.same(found, [77]);
  t.ok(new HeadIndex([]).empty);
});
