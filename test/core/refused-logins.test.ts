import t from 'tap';
import type { AuditEvent } from '../../src/core/audit.ts';
import type { Credentials } from '../../src/core/authenticator.ts';
import { KeysteadError } from '../../src/core/errors.ts';
import { RefusedLogins } from '../../src/core/refused-logins.ts';
import { FakeClock } from '../support/fake-clock.ts';

const WRONG = new KeysteadError('bad-credentials', 'the credentials were not accepted');
const SHOWN: Credentials = {
  listener: 'http',
  authorization: 'Bearer kst_guess',
  source: '10.0.0.1',
  auditId: 'a'.repeat(32),
};

function scene() {
  const clock = new FakeClock();
  const events: AuditEvent[] = [];
  const audit = {
    failing: false,
    async write(event: AuditEvent) {
      if (this.failing) throw new KeysteadError('audit-unavailable', 'full');
      events.push(event);
    },
    async close() {},
  };
  const refusals = new RefusedLogins({ audit, clock, random: { bytes: (length) => new Uint8Array(length) } });
  return { clock, events, audit, refusals };
}

t.test('the first refusal has its line before its caller is told, and holds nothing that was shown', async (t) => {
  const { events, refusals } = scene();
  await refusals.refused(SHOWN, WRONG);
  t.match(events, [
    {
      action: 'system.authenticate',
      resource: 'token',
      outcome: 'denied',
      reason: 'bad-credentials',
      principal: { kind: 'anonymous', name: 'anonymous' },
      listener: 'http',
      source: '10.0.0.1',
      auditId: 'a'.repeat(32),
    },
  ]);
  t.notMatch(JSON.stringify(events), /guess/);
  await refusals.close();
  t.equal(events.length, 1, 'nothing else is held');
});

t.test('those that follow within a minute have one line together', async (t) => {
  const { clock, events, refusals } = scene();
  for (let n = 0; n < 1000; n++) await refusals.refused({ ...SHOWN, auditId: `${n}`.padStart(32, '0') }, WRONG);
  t.equal(events.length, 1);
  await clock.advance(60_000);
  t.equal(events.length, 2);
  t.match(events[1], { details: { refusals: 999 }, auditId: '999'.padStart(32, '0') });
  await clock.advance(60_000);
  t.equal(events.length, 2, 'a quiet minute has no line');
  await refusals.refused(SHOWN, WRONG);
  t.notOk(events[2]?.details, 'and behind it the first one has a line of its own again');
  await refusals.close();
});

t.test('listeners, reasons and sources are told apart; what nobody could tell has failed', async (t) => {
  const { events, refusals } = scene();
  await refusals.refused(SHOWN, WRONG);
  await refusals.refused({ ...SHOWN, listener: 'grpc' }, WRONG);
  await refusals.refused({ ...SHOWN, source: '10.0.0.2' }, WRONG);
  await refusals.refused(SHOWN, new KeysteadError('issuer-unreachable', 'away'));
  await refusals.refused({ listener: 'http' }, new KeysteadError('no-credentials', 'none'));
  t.match(
    events.map(({ outcome, resource }) => `${outcome} ${resource}`),
    ['denied token', 'denied token', 'denied token', 'failed token', 'denied none'],
  );
  await refusals.close();
});

t.test('however many addresses guess, the lines of a minute are bounded, and no refusal is lost', async (t) => {
  const { clock, events, refusals } = scene();
  for (let n = 0; n < 5000; n++) await refusals.refused({ ...SHOWN, source: `10.1.${n >> 8}.${n & 255}` }, WRONG);
  await clock.advance(60_000);
  t.ok(events.length <= 202, `${events.length} lines`);
  const told = events.reduce((sum, { details }) => sum + Number(details?.['refusals'] ?? 1), 0);
  t.equal(told, 5000);
  await refusals.close();
});

t.test('while the trail cannot be written refusals are counted, and told as soon as it can', async (t) => {
  const { clock, events, audit, refusals } = scene();
  audit.failing = true;
  await refusals.refused(SHOWN, WRONG);
  await refusals.refused(SHOWN, WRONG);
  await clock.advance(60_000);
  t.same(events, []);
  audit.failing = false;
  await clock.advance(60_000);
  t.match(events, [{ details: { refusals: 2, since: '2030-01-01T00:00:00.000Z' } }]);
  await refusals.close();
});

t.test('the end tells what is held', async (t) => {
  const { events, refusals } = scene();
  for (let n = 0; n < 3; n++) await refusals.refused(SHOWN, WRONG);
  await refusals.close();
  t.match(events[1], { details: { refusals: 2 } });
});
