import t from 'tap';
import { policyOf, request } from './support/documents.ts';

/** Whether a rule with this window allows at that time. */
function within(time: object, at: string): boolean {
  const policy = policyOf({ version: 1, tenants: [{ namespaces: ['*'], conditions: { time } }] });
  return policy.decide(request({ time: new Date(at) })).allowed;
}

t.test('hours begin with their first minute and end before their last one, also over midnight', async (t) => {
  const cases: [string, string[], string[]][] = [
    ['08:00-18:00', ['08:00:00', '12:00:00', '17:59:59'], ['07:59:59', '18:00:00', '00:00:00']],
    ['22:00-06:00', ['22:00:00', '23:59:59', '00:00:00', '05:59:59'], ['06:00:00', '21:59:59', '12:00:00']],
    ['18:00-24:00', ['18:00:00', '23:59:59'], ['00:00:00', '17:59:59']],
    ['00:00-24:00', ['00:00:00', '12:00:00', '23:59:59'], []],
  ];
  for (const [hours, yes, no] of cases) {
    for (const time of yes) t.ok(within({ hours }, `2026-11-23T${time}Z`), `${hours} ${time}`);
    for (const time of no) t.notOk(within({ hours }, `2026-11-23T${time}Z`), `${hours} ${time}`);
  }
});

t.test('days are those of UTC, and hours are counted within each', async (t) => {
  // A Monday.
  t.ok(within({ days: ['mon'] }, '2026-11-23T00:00:00Z'));
  t.ok(within({ days: ['sun', 'mon'] }, '2026-11-23T23:59:59Z'));
  t.notOk(within({ days: ['mon'] }, '2026-11-24T00:00:00Z'));
  const night = { days: ['mon'], hours: '22:00-06:00' };
  t.ok(within(night, '2026-11-23T05:00:00Z'));
  t.ok(within(night, '2026-11-23T23:00:00Z'));
  t.notOk(within(night, '2026-11-24T05:00:00Z'), 'which is no Monday any more');
});

t.test('notBefore is within, notAfter is not', async (t) => {
  const window = { notBefore: '2026-11-23T09:00Z', notAfter: '2026-11-23T09:00:30Z' };
  t.notOk(within(window, '2026-11-23T08:59:59.999Z'));
  t.ok(within(window, '2026-11-23T09:00:00Z'));
  t.ok(within(window, '2026-11-23T09:00:29.999Z'));
  t.notOk(within(window, '2026-11-23T09:00:30Z'));
});
