import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { upstream } from '../../src/core/upstream.ts';
import { failure } from '../support/failure.ts';
import { testCall } from '../support/services.ts';

const timedOut = () => new KeysteadError('kms-timeout', 'no answer');
const never = () => new Promise<never>(() => {});

t.test('an answer in time is given, and an error in time is thrown as it is', async (t) => {
  const long = { timeoutMs: 60_000, timedOut };
  t.equal(await upstream(testCall(), { ...long, run: async () => 'answer' }), 'answer');
  const broken = new Error('broken');
  await t.rejects(upstream(testCall(), { ...long, run: () => Promise.reject(broken) }), broken);
});

t.test('what the work throws is said in the words of whoever asked; a timeout has its own', async (t) => {
  const errorOf = (error: unknown) => new KeysteadError('no-kek', `no such key: ${error}`);
  const run = () => Promise.reject(new TypeError('404'));
  await t.rejects(
    upstream(testCall(), { timeoutMs: 60_000, timedOut, run, errorOf }),
    failure('no-kek', /^no such key: TypeError: 404$/),
  );
  await t.rejects(upstream(testCall(), { timeoutMs: 1, timedOut, run: never, errorOf }), failure('kms-timeout'));
});

t.test('work that ignores its signal ends at the timeout all the same, and the signal says why', async (t) => {
  let given: AbortSignal | undefined;
  const run = (signal: AbortSignal) => {
    given = signal;
    return never();
  };
  await t.rejects(upstream(testCall(), { timeoutMs: 1, timedOut, run }), failure('kms-timeout'));
  t.match(given?.reason, { reason: 'kms-timeout' });
});

t.test('the end of the call wins over the timeout and over the error that it causes', async (t) => {
  const gone = new AbortController();
  const run = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted by the SDK'))));
  const waiting = upstream(testCall({ signal: gone.signal }), { timeoutMs: 60_000, timedOut, run });
  gone.abort(new KeysteadError('client-gone', 'the caller went away'));
  await t.rejects(waiting, failure('client-gone'));
});

t.test('nothing begins once the call is over', async (t) => {
  let begun = 0;
  const run = async () => {
    begun += 1;
  };
  const call = testCall({ signal: AbortSignal.abort() });
  await t.rejects(upstream(call, { timeoutMs: 60_000, timedOut, run }), failure('client-gone'));
  t.equal(begun, 0);
});

t.test('what comes too late is handed over to be wiped, what comes in time is not', async (t) => {
  const { promise, resolve } = Promise.withResolvers<string>();
  const late: string[] = [];
  const handed = new Promise<void>((done) => {
    const take = (value: string) => {
      late.push(value);
      done();
    };
    void t
      .rejects(upstream(testCall(), { timeoutMs: 1, timedOut, run: () => promise, late: take }))
      .then(() => resolve('too late'));
  });
  await upstream(testCall(), {
    timeoutMs: 60_000,
    timedOut,
    run: async () => 'in time',
    late: (value) => late.push(value),
  });
  await handed;
  t.same(late, ['too late']);
});

t.test('a call that lives on keeps nothing of the calls upstream that it made', async (t) => {
  const { signal } = new AbortController();
  let listeners = 0;
  const counted = new Proxy(signal, {
    get(target, name) {
      if (name === 'addEventListener') listeners += 1;
      if (name === 'removeEventListener') listeners -= 1;
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  await upstream(testCall({ signal: counted }), { timeoutMs: 60_000, timedOut, run: async () => 1 });
  t.equal(listeners, 0);
});
