import { createHash } from 'node:crypto';
import t from 'tap';
import { dataKeyContext } from '../../../src/core/context.ts';
import { encryptionContext } from '../../../src/providers/aws/encryption-context.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

t.test('plain values are bound as they are', async (t) => {
  t.same(encryptionContext(dataKeyContext('pvc-1 ~!"%', 2, 32)), {
    keystead: '1',
    id: 'pvc-1 ~!"%',
    version: '2',
    length: '32',
  });
});
t.test('a value that AWS could refuse or change is bound by its hash, under another name', async (t) => {
  // The first one by hand: printf 'ü' | sha256sum
  t.same(encryptionContext({ id: 'ü' }), {
    idSha256: '607474ca475a9724d7360aba71a56d5df77e61350e3f724cfa1f46e857e2d85f',
  });
  for (const id of ['', 'a\u0000', 'tab\t', '\u007f', 'x'.repeat(1025), 'line\n']) {
    t.same(encryptionContext({ id }), { idSha256: sha256(id) });
  }
  t.same(encryptionContext({ id: 'x'.repeat(1024) }), { id: 'x'.repeat(1024) });
});
t.test('an id that looks like a hash is not that hash', async (t) => {
  t.not(encryptionContext({ id: sha256('ü') })?.['idSha256'], sha256('ü'));
});
t.test('an empty context is none', async (t) => {
  t.equal(encryptionContext({}), undefined);
});
