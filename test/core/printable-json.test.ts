import fc from 'fast-check';
import t from 'tap';
import { printableJson } from '../../src/core/printable-json.ts';
import { holds } from '../support/property.ts';

t.test('what cannot be seen is escaped, and all else stays as it is', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ['plain "text"', '"plain \\"text\\""'],
    ['é 漢 😀', '"é 漢 😀"'],
    ['\u001b[31m\n', '"\\u001b[31m\\n"'],
    ['\u007f\u0085\u009b', '"\\u007f\\u0085\\u009b"'],
    ['a\u2028b\u2029', '"a\\u2028b\\u2029"'],
    ['\u202egpj\u2066\ufeff\u200b', '"\\u202egpj\\u2066\\ufeff\\u200b"'],
    ['\u{e0001}', '"\\udb40\\udc01"'],
  ];
  for (const [text, json] of cases) t.equal(printableJson(text), json, encodeURIComponent(text));
  t.equal(printableJson({ a: ['\u009b'] }, 2), '{\n  "a": [\n    "\\u009b"\n  ]\n}');
});

t.test('it reads back as the same value, and is one line of visible text', async (t) => {
  const value = fc.jsonValue({ stringUnit: 'binary' });
  await holds(
    t,
    fc.property(value, (value) => {
      const json = printableJson(value);
      t.same(JSON.parse(json), JSON.parse(JSON.stringify(value)));
      return !/[\p{C}\p{Zl}\p{Zp}]/u.test(json);
    }),
  );
});
