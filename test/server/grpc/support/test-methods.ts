import { once } from 'node:events';
import type { Call, Principal } from '../../../../src/core/call.ts';
import { KeysteadError } from '../../../../src/core/errors.ts';
import type { Method } from '../../../../src/server/grpc/method.ts';

const ANYBODY: Principal = { kind: 'anonymous', name: 'anonymous', groups: [] };
export const LIMIT = 4 * 1024 * 1024;

/** Methods for what a transport promises, and what they saw. */
export interface TestMethods {
  readonly methods: readonly Method[];
  /** Resolves with the call of the next `Wait`, which ends only when its signal is aborted. */
  nextWait(): Promise<Call>;
  /** Lets a `Hold` answer that waits, and those that come. */
  release(): void;
  /** Resolves when `count` calls of `Hold` wait. */
  held(count: number): Promise<void>;
  /** Every answer that `Echo` and `Big` gave, to see whether it was wiped. */
  readonly answers: Uint8Array[];
  /** Calls that reached a method. */
  readonly seen: string[];
}

export function testMethods(): TestMethods {
  const answers: Uint8Array[] = [];
  const seen: string[] = [];
  const waits: ((call: Call) => void)[] = [];
  const released = Promise.withResolvers<void>();
  const holds: { count: number; resolve: () => void }[] = [];
  let holding = 0;
  const kept = (answer: Buffer) => {
    answers.push(answer);
    return answer;
  };
  const unary = (name: string, answer: (message: Uint8Array, call: Call) => Promise<Uint8Array>): Method => ({
    path: `/test.Service/${name}`,
    limit: LIMIT,
    admit: async ({ authorization }) => {
      if (authorization === 'wrong') throw new KeysteadError('bad-credentials', 'the credentials were not accepted');
      return ANYBODY;
    },
    answer: (message, call) => {
      seen.push(name);
      return answer(message, call);
    },
  });
  const methods: Method[] = [
    unary('Echo', async (message) => kept(Buffer.from(message))),
    unary('Big', async (message) => kept(Buffer.alloc(Number(Buffer.from(message).toString()), 'x'))),
    unary('Fail', async (message) => {
      throw new KeysteadError('data-key-exists', Buffer.from(message).toString());
    }),
    unary('Crash', async () => {
      throw new TypeError('a secret of the house');
    }),
    unary('Trace', async (_message, call) => Buffer.from(call.traceId)),
    unary('Hold', async () => {
      holding++;
      for (const hold of holds) if (holding >= hold.count) hold.resolve();
      await released.promise;
      return Buffer.from('held');
    }),
    unary('Wait', async (_message, call) => {
      waits.shift()?.(call);
      if (!call.signal.aborted) await once(call.signal, 'abort');
      throw call.signal.reason;
    }),
    {
      path: '/test.Service/Count',
      limit: LIMIT,
      admit: async () => ANYBODY,
      async *answers(message, call) {
        const many = Number(Buffer.from(message).toString());
        for (let n = 1; n <= many; n++) yield Buffer.from(String(n));
        if (many === 0) await once(call.signal, 'abort');
        if (many === 13) throw new KeysteadError('store-full', 'no more');
      },
    },
  ];
  return {
    methods,
    answers,
    seen,
    nextWait: () => new Promise((resolve) => waits.push(resolve)),
    release: () => released.resolve(),
    held: (count) =>
      new Promise((resolve) => {
        if (holding >= count) resolve();
        else holds.push({ count, resolve });
      }),
  };
}
