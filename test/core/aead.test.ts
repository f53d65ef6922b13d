import { Decipheriv } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { open, openBytes, seal, sealBytes } from '../../src/core/aead.ts';
import type { Context } from '../../src/core/context.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { failure } from '../support/failure.ts';
import { holds } from '../support/property.ts';
import { testAmbient } from '../support/services.ts';
import wycheproof from '../vectors/wycheproof-aes-256-gcm.json' with { type: 'json' };

const { random } = testAmbient();
const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const key = SecretBytes.own(new Uint8Array(32).fill(1));
const contexts = fc.dictionary(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), { maxKeys: 5 });
const secrets = fc.uint8Array({ maxLength: 300 });

t.test('every vector of Wycheproof seals to its bytes, and opens or is refused', async (t) => {
  t.equal(wycheproof.tests.length, 66);
  for (const { tcId, key, iv, aad, msg, ct, tag, result } of wycheproof.tests) {
    const secret = SecretBytes.own(hex(key));
    const sealed = hex(`01${iv}${ct}${tag}`);
    if (result === 'valid') {
      const ours = sealBytes(secret, SecretBytes.own(hex(msg)), hex(aad), { bytes: () => hex(iv) });
      t.equal(Buffer.from(ours).toString('hex'), Buffer.from(sealed).toString('hex'), `vector ${tcId} seals`);
      t.equal(Buffer.from(openBytes(secret, sealed, hex(aad)).expose()).toString('hex'), msg, `vector ${tcId} opens`);
    } else {
      t.throws(() => openBytes(secret, sealed, hex(aad)), failure('context-mismatch'), `vector ${tcId}`);
    }
  }
});

t.test('what is sealed opens under the same key and context', async (t) => {
  await holds(
    t,
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), secrets, contexts, (key, data, context) => {
      const sealed = seal(SecretBytes.copyOf(key), SecretBytes.copyOf(data), context, random);
      const opened = open(SecretBytes.copyOf(key), sealed, context);
      return Buffer.compare(opened.expose(), data) === 0;
    }),
  );
});

t.test('whichever bit is flipped, it does not open', async (t) => {
  const sealed = seal(key, SecretBytes.own(new Uint8Array(5)), { id: 'a' }, random);
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Uint8Array.from(sealed);
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    t.throws(() => open(key, changed, { id: 'a' }), { name: 'KeysteadError', code: 'data_loss' }, `bit ${bit}`);
  }
});

t.test('whichever other context or key is given, it does not open', async (t) => {
  const same = (a: Context, b: Context) =>
    Object.keys(a).length === Object.keys(b).length && Object.entries(a).every(([name, value]) => b[name] === value);
  await holds(
    t,
    fc.property(contexts, contexts, (one, two) => {
      fc.pre(!same(one, two));
      const sealed = seal(key, SecretBytes.own(new Uint8Array(32)), one, random);
      return reasonOf(() => open(key, sealed, two)) === 'context-mismatch';
    }),
  );
  const sealed = seal(key, SecretBytes.own(new Uint8Array(32)), {}, random);
  t.throws(() => open(SecretBytes.own(new Uint8Array(32).fill(2)), sealed, {}), failure('context-mismatch'));
});

t.test('bytes that are cut short, or of a form that is not known, are damaged', async (t) => {
  const sealed = seal(key, SecretBytes.own(new Uint8Array(0)), {}, random);
  t.equal(sealed.length, 29);
  for (let length = 0; length < sealed.length; length++) {
    t.throws(() => open(key, sealed.subarray(0, length), {}), failure('record-corrupt', /cut short/));
  }
  sealed[0] = 2;
  t.throws(() => open(key, sealed, {}), failure('record-corrupt', /format 2/));
});

t.test('sealing takes a nonce of 12 bytes from the given randomness, a new one each time', async (t) => {
  const asked: number[] = [];
  const counting = {
    bytes: (length: number) => {
      asked.push(length);
      return new Uint8Array(length).fill(asked.length);
    },
  };
  const data = SecretBytes.own(new Uint8Array(1));
  const [one, two] = [seal(key, data, {}, counting), seal(key, data, {}, counting)];
  t.same(asked, [12, 12]);
  t.same([...one.subarray(1, 13)], new Array(12).fill(1));
  t.same([...two.subarray(1, 13)], new Array(12).fill(2));
});

t.test('what was deciphered before the tag was found wrong is wiped', async (t) => {
  const sealed = seal(key, SecretBytes.own(new Uint8Array(40).fill(7)), {}, random);
  const deciphered: Uint8Array[] = [];
  const { update } = Decipheriv.prototype;
  t.teardown(() => Object.assign(Decipheriv.prototype, { update }));
  Decipheriv.prototype.update = function (this: Decipheriv, ...args: unknown[]): never {
    const data = Reflect.apply(update, this, args) as Uint8Array;
    deciphered.push(data);
    return data as never;
  };
  t.throws(() => open(key, sealed, { another: 'context' }), failure('context-mismatch'));
  t.same(
    deciphered.map((data) => [...data]),
    [new Array(40).fill(0)],
  );
});

function reasonOf(work: () => unknown): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return (error as { reason?: unknown }).reason;
  }
}
