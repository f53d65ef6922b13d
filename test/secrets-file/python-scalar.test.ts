import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { sameInPython, scalarKind } from '../../src/secrets-file/python-scalar.ts';

type Row = [text: string, kind: string, value: string | null];

const { scalars } = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'vectors', 'pyyaml-scalars.json'), 'utf8'),
) as { scalars: Row[] };

t.test('a plain scalar is what PyYAML takes it for', async (t) => {
  t.ok(scalars.length > 100);
  for (const [text, kind] of scalars) t.equal(scalarKind(text), kind, JSON.stringify(text));
});

t.test('a value is called the same only where Python writes it back as it was written', async (t) => {
  for (const [text, , value] of scalars) {
    if (sameInPython(text)) t.equal(value, text, JSON.stringify(text));
  }
  for (const text of [
    '8080',
    '0',
    '-1',
    '1.5',
    '0.1',
    '-0.0',
    '2020-01-01',
    '1e3',
    '0o17',
    '5a5468-786448467a59-326436',
  ]) {
    t.ok(sameInPython(text), text);
  }
});
