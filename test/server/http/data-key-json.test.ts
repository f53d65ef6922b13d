import fc from 'fast-check';
import t from 'tap';
import { checkValue } from '../../../src/core/derive.ts';
import { SecretBytes } from '../../../src/core/secret-bytes.ts';
import { dataKeyJson } from '../../../src/server/http/data-key-json.ts';

t.test('the JSON of a data key is what JSON.stringify would write', (t) => {
  const ids = fc.string({ unit: 'binary', minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(ids, fc.uint8Array({ minLength: 1, maxLength: 200 }), fc.boolean(), (id, bytes, created) => {
      const key = SecretBytes.copyOf(bytes);
      const wanted = {
        dataKeyId: id,
        dataKey: Buffer.from(bytes).toString('base64'),
        length: bytes.length,
        version: 7,
        check: Buffer.from(checkValue(key)).toString('base64'),
        created,
        source: 'derived',
      };
      t.equal(dataKeyJson({ id, version: 7, key, created, source: 'derived' }).toString(), JSON.stringify(wanted));
    }),
  );
  t.end();
});
