import fc from 'fast-check';
import t from 'tap';
import type { Principal } from '../../src/core/call.ts';
import {
  contains,
  covers,
  filled,
  literally,
  matches,
  meets,
  type Pattern,
  parsePattern,
} from '../../src/policy/pattern.ts';
import { regexOf, textsOf } from './support/reference.ts';

function pattern(text: string): Pattern {
  const parsed = parsePattern(text);
  if ('wrong' in parsed) throw new Error(`${text} ${parsed.wrong}`);
  return parsed;
}

const anybody: Principal = { kind: 'token', name: 'x', groups: [] };
/** Short patterns over few characters, so that many match. */
const patternTexts = fc
  .array(fc.constantFrom('a', 'b', '/', '*', '**', '\\*', '\\\\'), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.join('').replace(/(?<!\\)\*{3,}/g, '**'))
  .filter((text) => !('wrong' in parsePattern(text)));
const ids = textsOf(['a', 'b', '/', '*'], 5);
/** What may follow a prefix: longer than any pattern here, also in slashes. */
const endings = [...textsOf(['a', '/'], 3), 'z', 'z/z/z/z/z/z/z/z', '////////', 'zzzzzzzz', 'a/a/a/a/a/a/a/a', 'b'];

t.test('a star is a run without slashes, two stars are any run, a backslash takes their meaning away', async (t) => {
  const cases: [string, string[], string[]][] = [
    ['a', ['a'], ['', 'A', 'aa', 'a/', 'á']],
    ['a/*', ['a/', 'a/b'], ['a', 'a/b/c', 'b/a/']],
    ['a/**', ['a/', 'a/b', 'a/b/c', 'a/../b', 'a/\0'], ['a', 'A/b', 'aa/b']],
    ['*/x', ['/x', 'a/x'], ['a/b/x', 'x']],
    ['**/x', ['/x', 'a/b/x'], ['x', 'a/x/y']],
    ['a**b*c', ['abc', 'a/b/b-c', 'abbc'], ['ab/c', 'acb']],
    ['\\*\\{\\{x\\}\\}\\\\', ['*{{x}}\\'], ['a{{x}}\\']],
    ['**', ['', 'a', '/'], []],
  ];
  for (const [text, yes, no] of cases) {
    for (const id of yes) t.ok(matches(pattern(text), id), `${text} ${id}`);
    for (const id of no) t.notOk(matches(pattern(text), id), `${text} ${id}`);
  }
});

t.test('a pattern matches what the regular expression of the same meaning matches', async () => {
  fc.assert(
    fc.property(patternTexts, (text) => {
      const parsed = pattern(text);
      const regex = regexOf(text) as RegExp;
      return ids.every((id) => matches(parsed, id) === regex.test(id));
    }),
    { numRuns: 300 },
  );
});

t.test(
  'a pattern covers a prefix when it matches every id that begins so, and meets it when it matches one',
  async () => {
    fc.assert(
      fc.property(patternTexts, fc.constantFrom(...textsOf(['a', 'b', '/', '*'], 3)), (text, prefix) => {
        const parsed = pattern(text);
        const regex = regexOf(text) as RegExp;
        const all = endings.every((ending) => regex.test(prefix + ending));
        const one =
          ids.some((id) => id.startsWith(prefix) && regex.test(id)) ||
          endings.some((ending) => regex.test(prefix + ending));
        // An id that matches may be longer than those counted up here: the shortest has no run in it.
        const shortest = regex.test(prefix) || one || completions(text).some((end) => regex.test(prefix + end));
        return covers(parsed, prefix) === all && meets(parsed, prefix) === shortest;
      }),
      { numRuns: 1500 },
    );
  },
);

/** The rests of a pattern with its runs empty: one of them completes whatever can be completed. */
function completions(text: string): string[] {
  const literal = text.replace(/(?<!\\)\*+/g, '').replace(/\\(.)/g, '$1');
  return Array.from({ length: literal.length + 1 }, (_, at) => literal.slice(at));
}

t.test('a pattern that contains another matches all that the other does', async () => {
  fc.assert(
    fc.property(patternTexts, patternTexts, (outer, inner) => {
      if (!contains(pattern(outer), pattern(inner))) return true;
      const [wide, narrow] = [regexOf(outer) as RegExp, regexOf(inner) as RegExp];
      return ids.every((id) => !narrow.test(id) || wide.test(id));
    }),
    { numRuns: 1000 },
  );
  t.ok(contains(pattern('{{namespace}}/**'), pattern('{{namespace}}/db/*')));
  t.notOk(contains(pattern('{{namespace}}/**'), pattern('{{serviceAccount}}/db/*')));
  t.notOk(contains(pattern('{{namespace}}/*'), pattern('{{namespace}}/db')));
  t.ok(contains(pattern('**'), pattern('{{namespace}}/db')));
  t.ok(contains(pattern('a/{{namespace}}'), pattern('a/{{namespace}}')));
});

t.test('a text that is escaped is matched by itself alone', async () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string(), (text, other) => {
      const parsed = pattern(literally(text));
      return parsed.exact && matches(parsed, text) && (text === other || !matches(parsed, other));
    }),
  );
});

t.test('a template is the own value as literal text, whatever stands in it', async () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string(), (namespace, id) => {
      const own = filled(pattern('{{namespace}}/**'), { ...anybody, namespace });
      if (namespace.includes('/')) return own === undefined;
      return (
        own !== undefined && matches(own, `${namespace}/${id}`) && matches(own, id) === id.startsWith(`${namespace}/`)
      );
    }),
  );
});

t.test(
  'whoever lacks a value, or has an empty one or one with a slash, is never matched by its template',
  async (t) => {
    for (const namespace of ['', 'a/b', '/'])
      t.equal(filled(pattern('{{namespace}}'), { ...anybody, namespace }), undefined);
    t.equal(filled(pattern('{{namespace}}'), anybody), undefined);
    t.equal(filled(pattern('x{{serviceAccount}}'), { ...anybody, namespace: 'a' }), undefined);
    t.notOk(matches(pattern('{{namespace}}'), '{{namespace}}'), 'not filled, it matches nothing');
  },
);

t.test('what is no pattern is said to be wrong, and why', async (t) => {
  const wrong: [string, RegExp][] = [
    ['', /empty/],
    ['a***', /three stars/],
    ['a\\', /backslash/],
    ['{{name}}', /unknown template; known are {{namespace}}, {{serviceAccount}}/],
    ['{{ namespace }}', /unknown template/],
    ['{{namespace}', /closes/],
  ];
  for (const [text, why] of wrong) t.match(parsePattern(text), { wrong: why }, text);
});

t.test('a long id and a pattern of many runs take no more steps than their lengths multiplied', async (t) => {
  const id = 'a'.repeat(4096);
  const many = pattern(`${'**a*a'.repeat(40)}b`);
  // With backtracking this would outlast the machine.
  t.notOk(matches(many, id));
  t.ok(meets(many, id));
});
