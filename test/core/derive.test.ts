import crypto, { createHmac, hkdfSync } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import fc from 'fast-check';
import t from 'tap';
import { assertKeyLength, checkValue, Expander, extractPrk, hasCheckValue, INFO } from '../../src/core/derive.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { failure } from '../support/failure.ts';
import { cutFrom, digested, hashesUsed, isWiped } from '../support/hash-memory.ts';
import { holds } from '../support/property.ts';
import rfc5869 from '../vectors/rfc5869-sha256.json' with { type: 'json' };
import wycheproof from '../vectors/wycheproof-hkdf-sha256.json' with { type: 'json' };

const hex = (text: string) => Uint8Array.from(Buffer.from(text, 'hex'));
const bytes = (options: { minLength?: number; maxLength?: number }) => fc.uint8Array(options);

function hkdf(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): SecretBytes {
  const prk = extractPrk(ikm, salt);
  return new Expander(prk.expose()).expand(info, length);
}

t.test('the cases of RFC 5869 give its pseudorandom keys and its output', async (t) => {
  for (const { case: number, ikm, salt, info, length, prk, okm } of rfc5869.tests) {
    t.equal(Buffer.from(extractPrk(hex(ikm), hex(salt)).expose()).toString('hex'), prk, `PRK of case ${number}`);
    const key = hkdf(hex(ikm), hex(salt), hex(info), length);
    t.equal(Buffer.from(key.expose()).toString('hex'), okm, `OKM of case ${number}`);
  }
});

t.test('every vector of Wycheproof gives its key, or is refused', async (t) => {
  t.equal(wycheproof.tests.length, 86);
  for (const { tcId, ikm, salt, info, size, okm, result } of wycheproof.tests) {
    const derive = () => hkdf(hex(ikm), hex(salt), hex(info), size);
    if (result === 'valid') t.equal(Buffer.from(derive().expose()).toString('hex'), okm, `vector ${tcId}`);
    else t.throws(derive, failure('bad-length'), `vector ${tcId}`);
  }
});

t.test('an expander gives what node:crypto gives, whatever it was asked before', async (t) => {
  const secrets = fc.tuple(bytes({ minLength: 1, maxLength: 80 }), bytes({ maxLength: 80 }));
  const calls = fc.array(fc.tuple(bytes({ maxLength: 1020 }), fc.integer({ min: 1, max: 8160 })), {
    minLength: 1,
    maxLength: 4,
  });
  await holds(
    t,
    fc.property(secrets, calls, ([ikm, salt], calls) => {
      const expander = new Expander(extractPrk(ikm, salt).expose());
      return calls.every(([info, length]) => {
        const theirs = Buffer.from(hkdfSync('sha256', ikm, salt, info, length));
        return Buffer.compare(expander.expand(info, length).expose(), theirs) === 0;
      });
    }),
  );
});

t.test('an info that is longer than node:crypto takes expands as RFC 5869 says', async (t) => {
  const infos = bytes({ minLength: 1021, maxLength: 5000 });
  await holds(
    t,
    fc.property(
      bytes({ minLength: 32, maxLength: 32 }),
      infos,
      fc.integer({ min: 1, max: 8160 }),
      (prk, info, length) => {
        const ours = new Expander(prk).expand(info, length).expose();
        return Buffer.compare(ours, expandByHmac(prk, info, length)) === 0;
      },
    ),
    { numRuns: 50 },
  );
});

t.test('every length from 1 to 8160 is the head of the longest', async (t) => {
  const expander = new Expander(new Uint8Array(32).fill(1));
  const longest = expandByHmac(new Uint8Array(32).fill(1), Buffer.from('key-a'), 8160);
  const wrong: number[] = [];
  for (let length = 1; length <= 8160; length += length < 200 ? 1 : 61) {
    const key = expander.expand(Buffer.from('key-a'), length);
    if (Buffer.compare(key.expose(), longest.subarray(0, length)) !== 0) wrong.push(length);
  }
  t.same(wrong, []);
  t.equal(Buffer.compare(expander.expand(Buffer.from('key-a'), 8160).expose(), longest), 0);
});

t.test('a length that HKDF does not have is refused, and shown', async (t) => {
  const expander = new Expander(new Uint8Array(32));
  for (const length of [0, -1, 1.5, 8161, 2 ** 32, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => expander.expand(new Uint8Array(), length), failure('bad-length', new RegExp(`not ${length}$`)));
  }
  t.throws(() => assertKeyLength('32'), failure('bad-length', /not a string$/));
  t.throws(() => assertKeyLength(null), failure('bad-length'));
  t.throws(() => assertKeyLength(undefined), failure('bad-length'));
});

t.test('the caller may wipe the pseudorandom key at once', async (t) => {
  const prk = new Uint8Array(32).fill(3);
  const expander = new Expander(prk);
  prk.fill(0);
  const theirs = expandByHmac(new Uint8Array(32).fill(3), Buffer.from('x'), 64);
  t.equal(Buffer.compare(expander.expand(Buffer.from('x'), 64).expose(), theirs), 0);
});

t.test('a disposed expander gives nothing, and holds nothing', async (t) => {
  const expander = new Expander(new Uint8Array(32));
  const { from, into } = hashesUsed(() => expander.expand(Buffer.from('x'), 32));
  t.equal(from.size, 2);
  for (const hash of into) t.ok(isWiped(hash), 'what it worked on is wiped at once');
  for (const hash of from) t.notOk(isWiped(hash));
  expander.dispose();
  for (const hash of from) t.ok(isWiped(hash));
  t.throws(() => expander.expand(Buffer.from('x'), 32));
});

t.test('what a key or a check value is cut out of is wiped', async (t) => {
  const expander = new Expander(new Uint8Array(32));
  const hashed = digested(() => expander.expand(Buffer.from('x'), 33));
  t.equal(hashed.length, 4, 'two for each block');
  for (const digest of hashed) t.same(new Set(digest), new Set([0]));
  for (const whole of cutFrom(() => expander.expand(Buffer.from('x'), 33))) t.same(new Set(whole), new Set([0]));
  const macs = cutFrom(() => checkValue(SecretBytes.own(new Uint8Array(65))));
  t.ok(macs.length > 0);
  for (const mac of macs) t.same(new Set(mac), new Set([0]));
});

t.test('a key that has its check value leaves nothing of it where that was made', async (t) => {
  const inputs: Uint8Array[] = [];
  const { hash } = crypto;
  crypto.hash = ((algorithm: string, input: Uint8Array, encoding: 'binary') => {
    inputs.push(input);
    return hash(algorithm, input, encoding);
  }) as typeof hash;
  syncBuiltinESMExports();
  try {
    for (const length of [1, 32, 64]) checkValue(SecretBytes.own(new Uint8Array(length).fill(7)));
  } finally {
    crypto.hash = hash;
    syncBuiltinESMExports();
  }
  t.equal(inputs.length, 6);
  for (const input of inputs) t.equal(new Set(input.subarray(0, 64)).size, 1, 'the padding of no key');
});

t.test('a check value is compared whole', async (t) => {
  const key = SecretBytes.own(new Uint8Array(32).fill(1));
  const check = checkValue(key);
  t.ok(hasCheckValue(key, check));
  t.notOk(hasCheckValue(SecretBytes.own(new Uint8Array(31).fill(1)), check));
  t.notOk(
    hasCheckValue(
      key,
      check.map((byte, n) => (n === 15 ? byte ^ 1 : byte)),
    ),
  );
  for (const other of [check.subarray(0, 15), new Uint8Array(0), new Uint8Array(17)])
    t.notOk(hasCheckValue(key, other));
});

t.test('a key shares no memory with anything', async (t) => {
  const expander = new Expander(new Uint8Array(32));
  for (const length of [1, 31, 32, 33, 64, 8160]) {
    t.equal(expander.expand(Buffer.from('x'), length).expose().buffer.byteLength, length);
  }
});

t.test('the check value is the first 16 bytes of HKDF-Expand(key, "keystead/check/v1")', async (t) => {
  for (const length of [1, 16, 32, 64, 65, 8160]) {
    const key = SecretBytes.own(new Uint8Array(length).fill(5));
    const theirs = createHmac('sha256', key.expose()).update('keystead/check/v1\x01').digest().subarray(0, 16);
    const check = checkValue(key);
    t.same([...check], [...theirs], `of ${length} bytes`);
    t.equal(check.buffer.byteLength, 16, 'and nothing behind it');
    t.same(new Set(key.expose()), new Set([5]), 'and the key is as it was');
  }
});

t.test('no info of our own can be that of a data key, and no two are equal', async (t) => {
  const { dataKey, ...own } = INFO;
  for (const info of Object.values(own)) t.notOk(info.startsWith(dataKey));
  t.equal(new Set(Object.values(INFO)).size, Object.keys(INFO).length);
});

/** HKDF-Expand by node:crypto's HMAC, block by block as RFC 5869, section 2.3 says. */
function expandByHmac(prk: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let n = 1; n <= Math.ceil(length / 32); n++) {
    blocks.push(
      createHmac('sha256', prk)
        .update(blocks.at(-1) ?? '')
        .update(info)
        .update(Uint8Array.of(n))
        .digest(),
    );
  }
  return Buffer.concat(blocks).subarray(0, length);
}

t.test('the refusal of a length says in whole words what was given', (t) => {
  for (const [length, shown] of [
    [{}, 'an object'],
    [[], 'an object'],
    [null, 'null'],
    [undefined, 'undefined'],
    ['32', 'a string'],
  ]) {
    t.throws(() => assertKeyLength(length), failure('bad-length', new RegExp(`, not ${shown}$`)));
  }
  t.end();
});
