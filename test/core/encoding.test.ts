import fc from 'fast-check';
import t from 'tap';
import { fromBase64, lengthPrefixed, lengthPrefixedParts, toBase64 } from '../../src/core/encoding.ts';
import { failure } from '../support/failure.ts';
import { holds } from '../support/property.ts';

const read = (text: string) => fromBase64(text, 'bad-salt', 'the salt');

t.test('base64 and base64url, padded or not, are read as the same bytes', async (t) => {
  await holds(
    t,
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const standard = toBase64(bytes);
      const url = standard.replaceAll('+', '-').replaceAll('/', '_');
      const texts = [standard, url, standard.replace(/=+$/, ''), url.replace(/=+$/, '')];
      return texts.every((text) => Buffer.compare(read(text), bytes) === 0);
    }),
  );
});

t.test('everything else is refused, by the name of the value and never with the value', async (t) => {
  const bad = [
    'A',
    'AAAAA',
    'AA=',
    'AAA==',
    'AAAA=',
    '=',
    '====',
    'AA==AA==',
    'AA A',
    'AAAA\n',
    ' AAAA',
    'AA.A',
    'ÄAAA',
  ];
  for (const text of [...bad, '+-AA', '_/AA', 'AB==', 'AAB=', 'AB', 'AAB', 'AA\0A']) {
    t.throws(() => read(text), failure('bad-salt', /^the salt is not base64 \(give [^']*\)$/), JSON.stringify(text));
  }
});

t.test('what it accepts is exactly what some bytes are written as', async (t) => {
  const texts = fc.string({ unit: fc.constantFrom(...'ABgw09+/-_='), maxLength: 9 });
  await holds(
    t,
    fc.property(texts, (text) => {
      const standard = text.replaceAll('-', '+').replaceAll('_', '/');
      const written = Buffer.from(standard, 'base64').toString('base64');
      const mixed = /[+/]/.test(text) && /[-_]/.test(text);
      return accepts(text) === (!mixed && (standard === written || standard === written.replace(/=+$/, '')));
    }),
    { numRuns: 2000 },
  );
});

t.test('the bytes have memory of their own', async (t) => {
  t.equal(read('AAECAw==').buffer.byteLength, 4);
});

t.test('writing takes the view, not the memory behind it', async (t) => {
  t.equal(toBase64(Uint8Array.of(9, 0, 1, 9).subarray(1, 3)), 'AAE=');
});

t.test('a list is written with its count and the length of each part', async (t) => {
  t.same([...lengthPrefixed([])], [0, 0, 0, 0]);
  t.same([...lengthPrefixed([Uint8Array.of(7), new Uint8Array(0)])], [0, 0, 0, 2, 0, 0, 0, 1, 7, 0, 0, 0, 0]);
});

function accepts(text: string): boolean {
  try {
    read(text);
    return true;
  } catch {
    return false;
  }
}

t.test('the parts of a length-prefixed list come back, and only from bytes that it gave', async (t) => {
  const parts = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 5 });
  const same = (some: readonly Uint8Array[] | undefined, others: readonly Uint8Array[]) =>
    some?.length === others.length && some.every((part, n) => Buffer.compare(part, others[n] as Uint8Array) === 0);
  await holds(
    t,
    fc.property(parts, (parts) => same(lengthPrefixedParts(lengthPrefixed(parts)), parts)),
  );
  await holds(
    t,
    fc.property(parts, fc.nat(), (parts, at) => {
      const bytes = lengthPrefixed(parts);
      return lengthPrefixedParts(bytes.subarray(0, at % bytes.length)) === undefined;
    }),
  );
  await holds(
    t,
    fc.property(fc.uint8Array(), (bytes) => {
      const parts = lengthPrefixedParts(bytes);
      return parts === undefined || Buffer.compare(lengthPrefixed(parts), bytes) === 0;
    }),
  );
  t.equal(lengthPrefixedParts(Uint8Array.of(255, 255, 255, 255)), undefined);
});
