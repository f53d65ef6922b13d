import fc from 'fast-check';
import t from 'tap';
import { etagText, ifMatch } from '../../../src/server/http/etag.ts';
import { failure } from '../../support/failure.ts';
import { holds } from '../../support/property.ts';

const read = (header?: string) => ifMatch({ raw: { headers: { 'if-match': header } } } as never);

t.test('every etag of a store comes back as it was, and stands in a header', async (t) => {
  await holds(
    t,
    fc.property(fc.string({ unit: 'binary' }), (etag) => {
      return read(`"${etagText(etag)}"`) === etag && /^[!#-~]*$/.test(etagText(etag));
    }),
  );
  for (const etag of ['7', '1700000000000001', '0x8D-1']) t.equal(etagText(etag), etag, 'the usual ones stay readable');
  t.equal(read('"%22abc%22"'), '"abc"');
});

t.test('without a header it is said what is missing', async (t) => {
  t.throws(() => read(), failure('bad-request', /send its ETag in If-Match/));
});

t.test('what names no one etag is refused', async (t) => {
  for (const header of ['', '*', '7', '"7', '7"', '""7"', '"7", "8"', '"a b"', '"\u00fc"', 'w/"7"', 'W/7']) {
    t.throws(() => read(header), failure('bad-request', /^If-Match must be the one etag/), JSON.stringify(header));
  }
});

t.test('an etag that is none of ours is one that no record has', async (t) => {
  for (const header of ['W/"7"', '"%"', '"%zz"', '"%ff"', '"%37"', '"%2a"']) {
    t.equal(read(header), '', header);
  }
});
