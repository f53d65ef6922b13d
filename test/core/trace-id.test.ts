import t from 'tap';
import { traceIds } from '../../src/core/trace-id.ts';

t.test('the trace id of a valid traceparent is taken over', (t) => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
  const later = [traceparent.replace(/^00/, '01'), `cc${traceparent.slice(2)}-what-comes`];
  for (const valid of [traceparent, ...later]) t.equal(traceIds()(valid), '4bf92f3577b34da6a3ce929d0e0e4736', valid);
  t.end();
});

t.test('every other request gets a random one of its own', (t) => {
  const traceId = traceIds();
  const invalid = [
    '',
    '00-0',
    `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${'a'.repeat(32)}-${'0'.repeat(16)}-01`,
    `00-${'A'.repeat(32)}-00f067aa0ba902b7-01`,
    `ff-${'a'.repeat(32)}-00f067aa0ba902b7-01`,
    `00-${'a'.repeat(32)}-00f067aa0ba902b7-01-more`,
    `01-${'a'.repeat(32)}-00f067aa0ba902b7-01.more`,
    `01-${'a'.repeat(32)}-00f067aa0ba902b7`,
  ];
  const seen = new Set<string>();
  for (const traceparent of [...invalid, ...Array.from({ length: 600 }, () => undefined)]) {
    const id = traceId(traceparent);
    t.match(id, /^[0-9a-f]{32}$/);
    seen.add(id);
  }
  t.equal(seen.size, invalid.length + 600);
  t.end();
});
