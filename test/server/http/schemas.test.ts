import fc from 'fast-check';
import t from 'tap';
import { fromBase64 } from '../../../src/core/encoding.ts';
import { base64Pattern } from '../../../src/server/http/schemas.ts';

const spellings = (bytes: Uint8Array) => {
  const standard = Buffer.from(bytes).toString('base64');
  const url = Buffer.from(bytes).toString('base64url');
  return [standard, standard.replace(/=+$/, ''), url, url.padEnd(standard.length, '=')];
};

t.test('the pattern takes every spelling of enough bytes, and none of too few', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(15, 16, 17, 32), (bytes, least) => {
      for (const text of spellings(bytes)) {
        t.equal(new RegExp(base64Pattern(least)).test(text), bytes.length >= least, `${text} of at least ${least}`);
        t.equal(
          new RegExp(base64Pattern(least, true)).test(text),
          bytes.length === least,
          `${text} of exactly ${least}`,
        );
      }
    }),
  );
  t.end();
});

t.test('what the pattern takes, and nothing else, is base64', (t) => {
  const pattern = new RegExp(base64Pattern(0));
  const text = fc.string({ unit: fc.constantFrom(...'AQgwEB9+/-_= '), maxLength: 9 });
  fc.assert(
    fc.property(text, (value) => {
      let taken = true;
      try {
        fromBase64(value, 'bad-request', 'value');
      } catch {
        taken = false;
      }
      t.equal(pattern.test(value), taken, value);
    }),
    { numRuns: 2000 },
  );
  t.end();
});
