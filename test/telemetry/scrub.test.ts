import fc from 'fast-check';
import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { scrub, scrubText } from '../../src/telemetry/scrub.ts';

t.test('16 random bytes and more never stay in a text, in hex or in either base64', async (t) => {
  fc.assert(
    fc.property(
      // Random, not shrunk to zeros: an all-zero key has no entropy to recognise it by.
      fc.uint8Array({ minLength: 16, maxLength: 64 }).filter((bytes) => new Set(bytes).size > 10),
      fc.constantFrom('hex', 'base64', 'base64url'),
      (bytes, encoding) => {
        const encoded = Buffer.from(bytes).toString(encoding as 'hex');
        // Letters alone may read as a name in camelCase, and small ones and digits as a path: one key in a million.
        fc.pre(encoding === 'hex' || (/[A-Z]/.test(encoded) && /\d/.test(encoded)));
        return !scrubText(`unexpected "${encoded}" at 3`).includes(encoded.replace(/=+$/, ''));
      },
    ),
    { numRuns: 2000 },
  );
  t.pass();
});

t.test('base64 in which no small letter happens to be is no path', async (t) => {
  for (const encoded of ['1WMHW6CT1Q/Z6/0HPXGN/Q==', 'JPLJHV2TE12CY6S/XJ/8YA/8', 'a0b1/c2d3e4f5/g6h7i8j9kq==']) {
    t.equal(scrubText(`unexpected "${encoded}" at 3`), 'unexpected "[secret]" at 3');
  }
});

t.test('credentials in texts are hidden', async (t) => {
  t.equal(scrubText('got Authorization: Bearer abc.def now'), 'got Authorization: Bearer [secret] now');
  t.equal(scrubText('basic dXNlcjpwdw=='), 'basic [secret]');
  t.equal(scrubText('opened kms://aws?keyName=k&accessKey=a+b/c= here'), 'opened kms://aws?[secret] here');
  t.equal(scrubText('GET https://user:pw@host/x?sig=1#f'), 'GET https://[secret]@host/x?[secret]');
  t.equal(scrubText('a\n-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\nb'), 'a\n[pem]\nb');
  t.equal(scrubText('-----BEGIN PRIVATE KEY-----\ncut off'), '[pem]');
});

t.test('what an operator needs stays', async (t) => {
  for (const text of [
    'ENOENT: no such file, open /var/lib/kubelet/pods/kek-dir/mastersecret',
    'listen EADDRINUSE: address already in use 127.0.0.1:8080',
    'getaddrinfo ENOTFOUND my-long-host-name.example.com',
    "Cannot read properties of undefined (reading 'dataKeyVersion')",
    'ERR_HTTP_HEADERS_SENT',
    'https://127.0.0.1:8080/v1/data-keys',
  ]) {
    t.equal(scrubText(text), text);
  }
});

t.test('values under secret names are hidden at any depth, in any spelling', async (t) => {
  const fields = { 'X-Api-Key': 'v1', masterSecret: 'v2', client_secret: 'v3', nested: [{ Authorization: ['v4'] }] };
  const shown = JSON.stringify(scrub({ a: { b: fields }, count: 3 }));
  t.notMatch(shown, /v[1-4]/);
  t.match(shown, /"count":3/);
});

t.test('bytes and secrets are never shown, however they are carried', async (t) => {
  const bytes = Buffer.from('0123456789');
  const shown = JSON.stringify(
    scrub({
      a: bytes,
      b: new Uint8Array(bytes),
      c: SecretBytes.copyOf(bytes),
      d: { e: bytes.buffer },
      f: bytes.toJSON(),
    }),
  );
  t.notMatch(shown, /MDEy|303132|0123|48,49/);
});

t.test('an error keeps its kind, code and place; a foreign message is scrubbed, causes too', async (t) => {
  const key = Buffer.alloc(32, 'k').toString('base64').replace('a', '9');
  const cause = Object.assign(new TypeError(`cannot parse ${key}`), { code: 'EBAD' });
  const shown = scrub(new KeysteadError('unexpected', 'see the log for abcdef0123456789abcdef', { cause }));
  t.match(shown, {
    type: 'KeysteadError',
    reason: 'unexpected',
    message: 'see the log for abcdef0123456789abcdef',
    cause: { type: 'TypeError', code: 'EBAD', message: 'cannot parse [secret]' },
  });
  t.notMatch(JSON.stringify(shown), key);
  t.match((shown as { stack: string[] }).stack[0], /^at .*scrub\.test\.ts/);
});

t.test('a message that looks like a stack is still a message', async (t) => {
  const error = new Error('x\n    at correct-horse-battery (file:1:1)\n    at another');
  t.notMatch(JSON.stringify((scrub(error) as { stack: string[] }).stack), /horse|another/);
  error.message = 'changed later';
  t.notMatch(JSON.stringify((scrub(error) as { stack: string[] }).stack), /horse|another/);
});

t.test('nothing is too strange to be logged', async (t) => {
  const circle: Record<string, unknown> = { a: 1n, f: () => 1, d: new Date(Number.NaN), u: undefined };
  circle['self'] = circle;
  const trap = {
    get boom() {
      throw new KeysteadError('unexpected', 'no');
    },
  };
  t.doesNotThrow(() => JSON.stringify(scrub({ circle, trap, many: Array.from({ length: 1000 }, () => circle) })));
  t.match(JSON.stringify(scrub(trap)), /unreadable/);
});
