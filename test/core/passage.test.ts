import t from 'tap';
import { dataKeyContext } from '../../src/core/context.ts';
import { kekThrough, type Passage, storeThrough } from '../../src/core/passage.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { kekSuite } from '../conformance/kek.ts';
import { storeSuite } from '../conformance/store.ts';
import { openClusterKek } from '../support/cluster-kek.ts';
import { FakeKek } from '../support/fake-kek.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const straight: Passage = ({ work }) => work();

kekSuite(t, async (t) => ({
  kek: kekThrough(await openClusterKek(t, 'a'), straight),
  other: kekThrough(await openClusterKek(t, 'b'), straight),
}));
storeSuite(t, async () => storeThrough(memoryStore(), straight));

t.test('every call goes through every passage, the first one first', async (t) => {
  const seen: string[] = [];
  const passage =
    (name: string): Passage =>
    async ({ operation, call: its, work }) => {
      t.equal(its, call);
      seen.push(`${name} ${operation}`);
      return work();
    };
  const kek = kekThrough(new FakeKek(), passage('outer'), passage('inner'));
  const context = dataKeyContext('a', 1, 1);
  await kek.unwrap(await kek.wrap(SecretBytes.own(Uint8Array.of(1)), context, call), context, call);
  await kek.check(call);
  const operations = ['wrap', 'unwrap', 'check'];
  t.same(
    seen.splice(0),
    operations.flatMap((operation) => [`outer ${operation}`, `inner ${operation}`]),
  );
  const store = storeThrough(memoryStore(), passage('only'));
  await store.create('a', Uint8Array.of(1), call);
  const etag = async () => (await store.read('a', call))?.etag as string;
  await store.replace('a', Uint8Array.of(2), await etag(), call);
  await store.delete('a', await etag(), call);
  await store.list('', undefined, 1, call);
  await store.check(call);
  t.same(
    seen,
    ['create', 'read', 'replace', 'read', 'delete', 'list', 'check'].map((name) => `only ${name}`),
  );
});
