import { Console } from 'node:console';
import { PassThrough } from 'node:stream';
import { format, inspect } from 'node:util';
import t from 'tap';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { failure } from '../support/failure.ts';

const secret = () => SecretBytes.copyOf(Buffer.from('top secret'));

t.test('however it is printed, it prints [secret]', async (t) => {
  const out = new PassThrough();
  new Console(out).log(secret(), 'and', { in: [secret()] });
  const printed = [
    `${secret()}`,
    String(secret()),
    `${secret()}${''}`,
    JSON.stringify(secret()),
    JSON.stringify({ deep: [secret()] }),
    inspect(secret()),
    inspect({ deep: [secret()] }, { showHidden: true, depth: 9 }),
    format('%s %o %O %j', secret(), secret(), secret(), secret()),
    out.read().toString(),
    Object.keys(secret()).join() + Object.values(secret()).join(),
    new Error(`about ${secret()}`).message,
  ];
  const forms = (['utf8', 'hex', 'base64', 'base64url'] as const).map((form) =>
    Buffer.from('top secret').toString(form),
  );
  const bytes = [...Buffer.from('top secret')].join(', ');
  for (const text of printed) for (const form of [...forms, bytes]) t.notOk(text.includes(form), text);
  for (const text of printed.slice(0, 9)) t.match(text, /\[secret\]/);
});

t.test('dispose overwrites the bytes, once and for all', async (t) => {
  const bytes = Uint8Array.of(1, 2, 3);
  const owner = SecretBytes.own(bytes);
  t.equal(owner.expose(), bytes, 'its own, not a copy');
  owner.dispose();
  t.same([...bytes], [0, 0, 0]);
  t.ok(owner.disposed);
  owner.dispose();
});

t.test('a disposed one gives nothing', async (t) => {
  const gone = secret();
  gone.dispose();
  t.throws(() => gone.expose(), failure('unexpected'));
  t.throws(() => gone.clone(), failure('unexpected'));
  t.throws(() => gone.equals(secret()), failure('unexpected'));
  t.throws(() => secret().equals(gone), failure('unexpected'));
  t.equal(gone.length, 10, 'but its length');
});

t.test('a copy and a clone live on their own', async (t) => {
  const bytes = Uint8Array.of(1, 2, 3);
  const copy = SecretBytes.copyOf(bytes);
  const clone = copy.clone();
  bytes.fill(9);
  copy.dispose();
  t.same([...clone.expose()], [1, 2, 3]);
});

t.test('two are equal when length and all bytes are', async (t) => {
  const of = (...bytes: number[]) => SecretBytes.own(Uint8Array.from(bytes));
  t.ok(of(1, 2, 3).equals(of(1, 2, 3)));
  t.ok(of().equals(of()));
  t.notOk(of(1, 2, 3).equals(of(1, 2, 4)));
  t.notOk(of(1, 2, 3).equals(of(1, 2)));
});
