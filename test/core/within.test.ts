import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { within } from '../../src/core/within.ts';
import { failure } from '../support/failure.ts';
import { testCall } from '../support/services.ts';

function abortable() {
  const controller = new AbortController();
  return { call: testCall({ signal: controller.signal }), abort: (reason?: unknown) => controller.abort(reason) };
}

t.test('work that ends in time is answered, or fails as it failed', async (t) => {
  const { call } = abortable();
  t.equal(await within(call, async () => 7), 7);
  const own = new KeysteadError('store-full', 'full');
  t.equal(await within(call, async () => Promise.reject(own)).catch((error) => error), own);
});

t.test('nothing begins once the call is over', async (t) => {
  const { call, abort } = abortable();
  abort();
  let begun = false;
  const work = async () => {
    begun = true;
  };
  await t.rejects(within(call, work), failure('client-gone'));
  t.notOk(begun);
});

t.test('work that hangs is left when the call is over, and the error says why it is over', async (t) => {
  const reasons: [unknown, ReturnType<typeof failure>][] = [
    [undefined, failure('client-gone')],
    [new Error('socket closed'), failure('client-gone')],
    [new DOMException('too late', 'TimeoutError'), failure('timeout')],
    [new KeysteadError('closing', 'the service is closing'), failure('closing')],
  ];
  for (const [reason, expected] of reasons) {
    const { call, abort } = abortable();
    const left = within(call, () => new Promise(() => {}));
    abort(reason);
    await t.rejects(left, expected);
  }
});

t.test('what comes too late is discarded, and a late failure disturbs nobody', async (t) => {
  const { call, abort } = abortable();
  const late = Promise.withResolvers<string>();
  const failed = Promise.withResolvers<string>();
  const discarded: string[] = [];
  const left = [late, failed].map(({ promise }) =>
    within(
      call,
      () => promise,
      (what) => discarded.push(what),
    ),
  );
  abort();
  for (const one of left) await t.rejects(one, failure('client-gone'));
  late.resolve('a key');
  failed.reject(new Error('late'));
  await new Promise(setImmediate);
  t.same(discarded, ['a key']);
});

t.test('a call that lives on is not left with listeners', async (t) => {
  const { call } = abortable();
  const listening = new Set<unknown>();
  const { signal } = call;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    listening.add(args[1]);
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
    listening.delete(args[1]);
    removeEventListener.apply(signal, args);
  };
  await within(call, async () => 1);
  await t.rejects(
    within(call, async () => Promise.reject(new KeysteadError('closing', 'x'))),
    failure('closing'),
  );
  t.equal(listening.size, 0);
});
