import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import type { Context } from '../../src/core/context.ts';
import { dataKeyContext } from '../../src/core/context.ts';
import { CODES, KeysteadError } from '../../src/core/errors.ts';
import type { Kek, WrappedKey } from '../../src/core/kek.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { failure } from '../support/failure.ts';
import { recordedSecrets } from '../support/recorded-secrets.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const context = dataKeyContext('pvc-1', 1, 32);

/** Two KEKs of one kind, that cannot open each other's keys. */
export interface TwoKeks {
  readonly kek: Kek;
  readonly other: Kek;
}

/**
 * Every promise of the Kek contract, for any KEK.
 *
 * @param open gives two KEKs, which it closes with the test.
 */
export function kekSuite(t: Test, open: (t: Test) => Promise<TwoKeks>): void {
  t.test('a key of any length comes back as it was wrapped', async (t) => {
    const { kek } = await open(t);
    for (const length of [1, 15, 16, 31, 32, 33, 64, 255, 4096, 4097, 8160]) {
      const key = randomKey(length);
      const wrapped = await kek.wrap(key, dataKeyContext('a', 1, length), call);
      const opened = await kek.unwrap(wrapped, dataKeyContext('a', 1, length), call);
      t.ok(opened.equals(key), `${length} bytes`);
      opened.dispose();
      t.notOk(key.disposed, 'the caller still owns what it gave');
      key.dispose();
    }
  });
  t.test('what is wrapped says by whom and how, without credentials, and does not hold the key', async (t) => {
    const { kek } = await open(t);
    const key = randomKey(32);
    const wrapped = await kek.wrap(key, context, call);
    t.equal(wrapped.kek, kek.uri);
    t.match(wrapped, { version: /./, algorithm: /./ });
    t.notOk(Buffer.from(wrapped.bytes).includes(Buffer.from(key.expose())));
    t.notMatch(kek.uri, /secret|accessKey=|password|token/i);
  });
  t.test('every secret but those handed out is disposed', async (t) => {
    const { kek } = await open(t);
    for (const length of [32, 5000]) {
      const made = recordedSecrets(t);
      await kek.check(call);
      const given = randomKey(length);
      const wrapped = await kek.wrap(given, context, call);
      const opened = await kek.unwrap(wrapped, context, call);
      await t.rejects(kek.unwrap(wrapped, { ...context, id: 'other' }, call));
      t.same(
        made.filter((secret) => !secret.disposed),
        [given, opened],
        `${length} bytes`,
      );
    }
  });
  t.test('the same key wraps differently every time, so equal keys cannot be told', async (t) => {
    const { kek } = await open(t);
    const key = randomKey(32);
    const [one, two] = [await kek.wrap(key, context, call), await kek.wrap(key, context, call)];
    t.not(Buffer.compare(one.bytes, two.bytes), 0);
  });
  t.test('a wrapped key opens under no other context', async (t) => {
    const { kek } = await open(t);
    const wrapped = await kek.wrap(randomKey(32), context, call);
    for (const [what, other] of Object.entries(otherContexts())) {
      await t.rejects(kek.unwrap(wrapped, other, call), failure('context-mismatch'), what);
    }
    (await kek.unwrap(wrapped, context, call)).dispose();
  });
  t.test('the order of a context does not matter', async (t) => {
    const { kek } = await open(t);
    const key = randomKey(32);
    const wrapped = await kek.wrap(key, { a: '1', b: '2' }, call);
    t.ok((await kek.unwrap(wrapped, { b: '2', a: '1' }, call)).equals(key));
  });
  t.test('changed, cut and swapped wrapped keys are data loss', async (t) => {
    const { kek } = await open(t);
    const wrapped = await kek.wrap(randomKey(32), context, call);
    const last = wrapped.bytes.length - 1;
    for (const at of [0, 1, Math.floor(last / 2), last]) {
      const changed = { ...wrapped, bytes: wrapped.bytes.map((byte, n) => (n === at ? byte ^ 1 : byte)) };
      await t.rejects(
        kek.unwrap(changed, context, call),
        { name: 'KeysteadError', code: 'data_loss' },
        `byte ${at} changed`,
      );
    }
    const cut = { ...wrapped, bytes: wrapped.bytes.subarray(0, last) };
    await t.rejects(kek.unwrap(cut, context, call), { name: 'KeysteadError', code: 'data_loss' }, 'cut');
    const empty = { ...wrapped, bytes: new Uint8Array(0) };
    await t.rejects(kek.unwrap(empty, context, call), { name: 'KeysteadError', code: 'data_loss' }, 'empty');
  });
  t.test('another KEK does not open it, and says something clear', async (t) => {
    const { kek, other } = await open(t);
    const wrapped = await kek.wrap(randomKey(32), context, call);
    t.ok(isClear(await errorOf(other.unwrap(wrapped, context, call))));
    const forged: WrappedKey = { ...(await other.wrap(randomKey(32), context, call)), bytes: wrapped.bytes };
    t.ok(isClear(await errorOf(other.unwrap(forged, context, call))), 'also where the record names the other');
  });
  t.test('a KEK that can wrap is ready', async (t) => {
    const { kek } = await open(t);
    await kek.check(call);
  });
}

/** Not `unexpected`, and nothing that is worth trying again. */
function isClear(error: unknown): boolean {
  return error instanceof KeysteadError && error.reason !== 'unexpected' && !CODES[error.code].retryable;
}

function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

function otherContexts(): Record<string, Context> {
  return {
    'another id': { ...context, id: 'pvc-2' },
    'another version': { ...context, version: '2' },
    'another length': { ...context, length: '33' },
    'an entry more': { ...context, more: '' },
    'an entry less': { keystead: '1', id: 'pvc-1', version: '1' },
    'no entry': {},
  };
}

function randomKey(length: number): SecretBytes {
  return SecretBytes.own(Uint8Array.from(randomBytes(length)));
}
