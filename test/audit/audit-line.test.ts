import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { auditLines, MAX_LINE } from '../../src/audit/audit-line.ts';
import { HashChain } from '../../src/audit/hash-chain.ts';
import type { AuditEvent } from '../../src/core/audit.ts';

const event: AuditEvent = {
  time: new Date('2030-01-02T03:04:05.678Z'),
  auditId: '0af7651916cd43dd8448eb211c80319c',
  principal: { kind: 'token', name: 'admin', groups: ['keystead:admins'] },
  listener: 'http',
  action: 'data-key.get',
  resource: 'disk/1',
  outcome: 'ok',
  details: { version: 1, length: 32, created: false, source: 'derived' },
};

/** Whole lines, each the first of a chain whose numbers are as long as they get. */
function wholeLines(): (event: AuditEvent) => string {
  const body = auditLines();
  return (event) => new HashChain('c'.repeat(32)).next(body(event));
}

t.test('a line is as docs/formats/audit.md says', async (t) => {
  t.equal(
    auditLines()(event),
    '{"audit":2,"time":"2030-01-02T03:04:05.678Z","auditId":"0af7651916cd43dd8448eb211c80319c",' +
      '"principal":{"kind":"token","name":"admin"},"listener":"http","action":"data-key.get","resource":"disk/1",' +
      '"outcome":"ok","details":{"version":1,"length":32,"created":false,"source":"derived"}',
  );
  t.match(wholeLines()({ ...event, source: '10.0.0.7' }), /"listener":"http","source":"10.0.0.7","action"/);
});

t.test('a reason stands behind the outcome, and details are left out where there are none', async (t) => {
  const { details: _, ...bare } = event;
  const line = JSON.parse(wholeLines()({ ...bare, outcome: 'denied', reason: 'policy' }));
  t.equal(line.outcome, 'denied');
  t.equal(line.reason, 'policy');
  t.notOk('details' in line);
});

t.test('every principal and every time gets its own words', async (t) => {
  const line = wholeLines();
  const other = { kind: 'local', name: 'lo"cal', groups: [] } as const;
  line(event);
  const second = JSON.parse(line({ ...event, principal: other, time: new Date('2030-01-02T03:04:06Z') }));
  t.same(second.principal, { kind: 'local', name: 'lo"cal' });
  t.equal(second.time, '2030-01-02T03:04:06.000Z');
  t.same(JSON.parse(line(event)).principal, { kind: 'token', name: 'admin' });
});

t.test('every event has its own details, whatever the last one had', (t) => {
  const line = wholeLines();
  const value = fc.constantFrom<string | number | boolean>(1, 2, true, false, '1', 'a"b');
  const details = fc.dictionary(fc.constantFrom('version', 'length', 'source'), value);
  fc.assert(
    fc.property(fc.array(details, { minLength: 2, maxLength: 6 }), (all) => {
      for (const details of all) t.strictSame(JSON.parse(line({ ...event, details })).details, { ...details });
    }),
  );
  t.end();
});

t.test('any resource gives one line of JSON that a pipe takes in one piece', async (t) => {
  const line = wholeLines();
  const unit = fc.constantFrom('a', '"', '\\', '\n', '\u0000', 'ä', '\u2028', '😀');
  fc.assert(
    fc.property(fc.array(unit, { minLength: 1, maxLength: 4096 }), (units) => {
      const resource = units.join('');
      const text = line({ ...event, resource });
      const parsed = JSON.parse(text);
      t.ok((Buffer.byteLength(text) <= MAX_LINE && text.indexOf('\n') === text.length - 1) || t.fail(text));
      if (parsed.resourceSha256 === undefined) return parsed.resource === resource;
      return (
        resource.startsWith(parsed.resource) &&
        parsed.resource.isWellFormed() &&
        parsed.resourceSha256 === createHash('sha256').update(resource).digest('hex')
      );
    }),
    { numRuns: 200 },
  );
});

t.test('a resource that fits is written whole, one that does not is shortened and named by its hash', async (t) => {
  const line = wholeLines();
  const fits = 'x'.repeat(3000);
  t.equal(JSON.parse(line({ ...event, resource: fits })).resource, fits);
  const shortened = JSON.parse(line({ ...event, resource: 'x'.repeat(4096) }));
  t.equal(shortened.resource, 'x'.repeat(256));
  t.equal(shortened.resourceSha256, createHash('sha256').update('x'.repeat(4096)).digest('hex'));
});
