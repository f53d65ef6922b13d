import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import type { Principal } from '../../src/core/call.ts';
import { MAX_TOKEN_LENGTH, readPageToken, type TokenKey, tokenKey, writePageToken } from '../../src/core/page-token.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { failure } from '../support/failure.ts';
import { holds } from '../support/property.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const scope = { operation: 'list', prefix: 'a' };

function fixedKey(t: { teardown(fn: () => unknown): void }, byte = 1): TokenKey {
  const key = tokenKey(async () => SecretBytes.own(new Uint8Array(32).fill(byte)));
  t.teardown(() => key.close());
  return key;
}

t.test('a token leads back to the place that it was made of', async (t) => {
  const key = fixedKey(t);
  const places = fc.string({ unit: 'binary', minLength: 1, maxLength: 700 });
  await holds(
    t,
    fc.asyncProperty(places, fc.string(), async (place, prefix) => {
      const token = await writePageToken(key, { operation: 'list', prefix }, place, call);
      const read = await readPageToken(key, { operation: 'list', prefix }, token, 'page_token', call);
      return /^[A-Za-z0-9_-]+$/.test(token) && token.length <= MAX_TOKEN_LENGTH && read === place;
    }),
  );
});

t.test('a byte order mark at the beginning of a place stays', async (t) => {
  const key = fixedKey(t);
  const token = await writePageToken(key, scope, '\ufeffx', call);
  t.equal(await readPageToken(key, scope, token, 'page_token', call), '\ufeffx');
});

t.test('a token of another request, another caller or another service is refused', async (t) => {
  const key = fixedKey(t);
  const token = await writePageToken(key, scope, 'data-keys/b', call);
  const read = (over: object, by = key, as = call) => readPageToken(by, { ...scope, ...over }, token, 'page_token', as);
  const as = (over: Partial<Principal>) => testCall({ principal: { ...call.principal, ...over } });
  t.equal(await read({}), 'data-keys/b');
  t.equal(await read({}, key, as({ groups: [] })), 'data-keys/b', 'what a caller may do is not for the token to say');
  const refused = failure('no-page', /^page_token is not one that an earlier page gave/);
  await t.rejects(read({ operation: 'verify' }), refused);
  await t.rejects(read({ prefix: '' }), refused);
  await t.rejects(read({ prefix: 'ab' }), refused);
  await t.rejects(read({}, key, as({ name: 'other' })), refused);
  await t.rejects(read({}, key, as({ kind: 'token' })), refused);
  await t.rejects(read({}, fixedKey(t, 2)), refused);
});

t.test('what one part of the scope ends with is not what the next one begins with', async (t) => {
  const key = fixedKey(t);
  const token = await writePageToken(key, { operation: 'ab', prefix: 'c' }, 'x', call);
  const moved = { operation: 'a', prefix: 'bc' };
  await t.rejects(readPageToken(key, moved, token, 'page_token', call), failure('no-page'));
});

t.test('no changed token is taken, whichever bit was changed', async (t) => {
  const key = fixedKey(t);
  const bytes = Buffer.from(await writePageToken(key, scope, 'data-keys/b', call), 'base64url');
  const wrong: string[] = [];
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const other = Buffer.from(bytes);
    other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7));
    await readPageToken(key, scope, other.toString('base64url'), 'page_token', call).then(
      () => wrong.push(`bit ${bit} was taken`),
      (error) => error.reason === 'no-page' || wrong.push(`bit ${bit}: ${error}`),
    );
  }
  t.same(wrong, []);
});

t.test('garbage is refused: no token at all, or one of no page', async (t) => {
  const key = fixedKey(t);
  const token = await writePageToken(key, scope, 'data-keys/b', call);
  const malformed = ['', '+', 'ä', ' ', `${token}=`, `${token}\n`, 'A'.repeat(MAX_TOKEN_LENGTH + 1)];
  for (const text of malformed) {
    await t.rejects(readPageToken(key, scope, text, 'page_token', call), failure('bad-request', /^page_token is not/));
  }
  t.match(token, /g$/);
  // The same bytes, with bits to spare that are not zero.
  const another = token.replace(/g$/, 'h');
  const cut = [token.slice(0, -1), token.slice(0, 23), `${token}A`, `${token}AA`];
  for (const text of ['A', 'AA', 'AQ', 'A'.repeat(100), 'A'.repeat(MAX_TOKEN_LENGTH), ...cut, another]) {
    await t.rejects(readPageToken(key, scope, text, 'page_token', call), failure('no-page', /^page_token is not/));
  }
  await holds(
    t,
    fc.asyncProperty(fc.string(), async (text) =>
      readPageToken(key, scope, text, 'page_token', call).then(
        () => false,
        (error) => error.reason === (/^[A-Za-z0-9_-]+$/.test(text) ? 'no-page' : 'bad-request'),
      ),
    ),
  );
});

t.test('the key is opened once, when it is first needed, and wiped in the end', async (t) => {
  const opened: SecretBytes[] = [];
  const key = tokenKey(async () => {
    const bytes = SecretBytes.own(Uint8Array.from(randomBytes(32)));
    opened.push(bytes);
    return bytes;
  });
  t.equal(opened.length, 0);
  const [one, two] = await Promise.all([key.mac(Buffer.of(1), call), key.mac(Buffer.of(1), call)]);
  t.same(one, two, 'who came at once got the same');
  await key.mac(Buffer.of(2), call);
  t.same(
    opened.map(({ disposed }) => disposed),
    [false, true],
  );
  await key.close();
  t.ok(opened.every(({ disposed }) => disposed));
  await t.rejects(key.mac(Buffer.of(1), call), failure('closing'));
  t.ok(opened.every(({ disposed }) => disposed));
});

t.test('a key that could not be opened is tried again by the next one', async (t) => {
  let fails = true;
  const key = tokenKey(async () => {
    if (fails) throw new Error('away');
    return SecretBytes.own(new Uint8Array(32));
  });
  t.teardown(() => key.close());
  await t.rejects(key.mac(Buffer.of(1), call), /away/);
  fails = false;
  t.equal((await key.mac(Buffer.of(1), call)).length, 32);
});
