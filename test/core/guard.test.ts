import t from 'tap';
import type { Call } from '../../src/core/call.ts';
import { Guard } from '../../src/core/guard.ts';
import type { Decision, PolicyRequest } from '../../src/core/policy.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { rememberingAudit, testCall } from '../support/services.ts';

function asked(decision: Decision) {
  const requests: PolicyRequest[] = [];
  const decided: [Decision, string][] = [];
  const guard = new Guard({
    policy: {
      decide(request) {
        requests.push(request);
        return decision;
      },
    },
    audit: rememberingAudit(),
    clock: new FakeClock(),
    decided: (request, taken, auditId) => {
      t.equal(request, requests.at(-1));
      decided.push([taken, auditId]);
    },
  });
  return { guard, requests, decided };
}

const call: Call = testCall({
  principal: { kind: 'token', name: 'ci', groups: [] },
  listener: 'grpc',
  traceId: 'a'.repeat(32),
});

t.test('the policy is asked with all that is known of the request', async (t) => {
  const { guard, requests, decided } = asked({ allowed: true, rule: 'x' });
  guard.refusal({ action: 'kek.seal', resource: 'k', length: 16, context: { for: 'backup' } }, call);
  guard.refusal({ action: 'data-key.list', resource: 'shown', prefix: 'a/' }, call);
  const shared = { principal: call.principal, listener: 'grpc' as const, time: new FakeClock().now() };
  t.same(requests, [
    { ...shared, action: 'kek.seal', resource: 'k', scope: 'id', length: 16, context: { for: 'backup' } },
    { ...shared, action: 'data-key.list', resource: 'a/', scope: 'prefix' },
  ]);
  t.same(decided[0], [{ allowed: true, rule: 'x' }, call.traceId]);
});

t.test('nothing runs that the policy does not allow, and whoever asks to is told of the decision', async (t) => {
  const { guard, decided } = asked({ allowed: false, rule: 'no' });
  let ran = false;
  const operation = {
    action: 'data-key.get' as const,
    resource: 'a',
    run: async () => {
      ran = true;
    },
  };
  await t.rejects(guard.run(operation, call), { reason: 'policy', message: `the audit id is ${call.traceId}` });
  t.notOk(ran);
  t.same(decided, [[{ allowed: false, rule: 'no' }, call.traceId]]);
});
