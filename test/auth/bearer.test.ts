import { createHash } from 'node:crypto';
import t from 'tap';
import { bearerToken, MAX_TOKEN, tokenMark, usualToken } from '../../src/auth/bearer.ts';

t.test('a bearer token is read, however its scheme is written', async (t) => {
  for (const header of ['Bearer abc', 'bearer abc', 'BEARER abc', 'Bearer   abc', 'Bearer abc  ']) {
    t.equal(bearerToken(header), 'abc', header);
  }
  t.equal(bearerToken('Bearer a.b-c_d~e+f/g=='), 'a.b-c_d~e+f/g==');
});

t.test('whatever else an authorization says is refused', async (t) => {
  for (const header of [
    '',
    'abc',
    'Bearer',
    'Bearer ',
    'Bearerabc',
    'Basic abc',
    'Bearer\tabc',
    'Bearer abc\t',
    ' Bearer abc',
    'Bearer abc def',
    'Bearer abc, Bearer def',
    'Bearer abc\r\nx: y',
    'Bearer ab\u0000c',
    'Bearer äbc',
    'Bearer Bearer abc',
  ]) {
    t.throws(() => bearerToken(header), { reason: 'bad-credentials', message: /^(?!.*abc)/ }, JSON.stringify(header));
  }
});

t.test('a token has a bounded length', async (t) => {
  t.equal(bearerToken(`Bearer ${'x'.repeat(MAX_TOKEN)}`).length, MAX_TOKEN);
  t.throws(() => bearerToken(`Bearer ${'x'.repeat(MAX_TOKEN + 1)}`), { reason: 'bad-credentials', message: /16384/ });
});

t.test('the usual spelling is read without a look at it', async (t) => {
  t.equal(usualToken('Bearer abc'), 'abc');
  t.equal(usualToken('bearer abc'), undefined);
});

t.test('the mark of a token is its SHA-256', async (t) => {
  t.equal(tokenMark('abc'), createHash('sha256').update('abc').digest('binary'));
});
