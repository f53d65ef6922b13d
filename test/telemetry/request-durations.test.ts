import { Histogram, Registry } from '@prometheus-io/client';
import fc from 'fast-check';
import t from 'tap';
import { requestDurations } from '../../src/telemetry/request-durations.ts';

const NAME = 'keystead_request_duration_seconds';
const BUCKETS = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];
const HELP = 'Time from receiving a request to finishing its answer.';

const observation = fc.record({
  transport: fc.constantFrom('http', 'grpc'),
  route: fc.constantFrom('/livez', '/v1/data-keys/:id/get', 'none'),
  outcome: fc.constantFrom(0, 200, 404),
  seconds: fc.oneof(fc.constantFrom(0, ...BUCKETS, 6), fc.double({ min: 0, max: 10, noNaN: true })),
});

t.test('it says what the client library says of the same observations', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(observation, { maxLength: 40 }), async (observations) => {
      const [ours, theirs] = [new Registry(), new Registry()];
      const observe = requestDurations(ours);
      const labelNames = ['transport', 'route', 'outcome'] as const;
      const histogram = new Histogram({ name: NAME, help: HELP, labelNames, buckets: BUCKETS, registers: [theirs] });
      for (const { transport, route, outcome, seconds } of observations) {
        observe(transport, route, outcome, seconds);
        histogram.observe({ transport, route, outcome: String(outcome) }, seconds);
      }
      t.equal(await ours.metrics(), await theirs.metrics());
      const sum = async (registry: Registry) =>
        Registry.aggregate([
          await registry.getMetricsAsJSON(),
          await registry.getMetricsAsJSON(),
        ] as object[]).metrics();
      t.equal(await sum(ours), await sum(theirs), 'also added up over processes');
    }),
    { numRuns: 50 },
  );
});
