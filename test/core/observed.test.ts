import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { observed, type UpstreamOutcome } from '../../src/core/observed.ts';
import { testCall } from '../support/services.ts';

t.test('every call is told of: what it was, how it ended, how long it took', async (t) => {
  const told: UpstreamOutcome[] = [];
  let now = 1000;
  const pass = observed(
    (outcome) => told.push(outcome),
    () => now,
  );
  const after = async <T>(ms: number, end: () => T): Promise<T> => {
    now += ms;
    return end();
  };
  const call = testCall();
  t.equal(await pass({ operation: 'wrap', call, work: () => after(250, () => 'a') }), 'a');
  const slow = new KeysteadError('kms-timeout', 'no answer');
  const work = (error: Error) => () => after(5000, () => Promise.reject(error));
  await t.rejects(pass({ operation: 'unwrap', call, work: work(slow) }), slow);
  await t.rejects(pass({ operation: 'read', call, work: work(new Error('odd')) }), /odd/);
  t.same(told, [
    { operation: 'wrap', outcome: 'ok', seconds: 0.25 },
    { operation: 'unwrap', outcome: 'kms-timeout', seconds: 5 },
    { operation: 'read', outcome: 'unexpected', seconds: 5 },
  ]);
});
