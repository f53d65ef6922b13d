import { deserialize, serialize } from 'node:v8';
import t from 'tap';
import { expositionOf, lastingOf, openMetrics, type Snapshot } from '../../src/telemetry/metrics.ts';

/** As a snapshot arrives from another process. */
async function sent(metrics: ReturnType<typeof openMetrics>): Promise<Snapshot> {
  return deserialize(serialize(await metrics.snapshot())) as Snapshot;
}

t.test('requests and data keys are counted by closed labels', async (t) => {
  const metrics = openMetrics();
  metrics.request('http', '/v1/data-keys/:id/get', 200, 0.0003);
  metrics.request('http', '/v1/data-keys/:id/get', 200, 0.0003);
  metrics.request('grpc', 'GetDataKey', 0, 0.0003);
  metrics.dataKey('derived');
  metrics.dataKey('derived');
  const { contentType, body } = await metrics.exposition();
  t.match(contentType, /^text\/plain; version=0\.0\.4/);
  t.match(
    body,
    'keystead_request_duration_seconds_count{transport="http",route="/v1/data-keys/:id/get",outcome="200"} 2',
  );
  t.match(
    body,
    'keystead_request_duration_seconds_bucket{le="0.0005",transport="grpc",route="GetDataKey",outcome="0"} 1',
  );
  t.match(body, 'keystead_data_keys_total{source="derived"} 2');
});

t.test('several processes are added up', async (t) => {
  const [one, two] = [openMetrics(), openMetrics()];
  one.dataKey('derived');
  two.dataKey('derived');
  two.dataKey('stored');
  two.request('http', '/livez', 200, 0.001);
  const { body } = await expositionOf([await sent(one), await sent(two)]);
  t.match(body, 'keystead_data_keys_total{source="derived"} 2');
  t.match(body, 'keystead_data_keys_total{source="stored"} 1');
  t.match(body, 'keystead_request_duration_seconds_count{transport="http",route="/livez",outcome="200"} 1');
});

t.test('of processes that are gone, counts stay and present values do not', async (t) => {
  const [gone, here] = [openMetrics(), openMetrics()];
  gone.dataKey('derived');
  here.dataKey('derived');
  const lasting = await lastingOf([await sent(gone)]);
  t.notOk(lasting.some(({ name }) => name === 'process_resident_memory_bytes'));
  const { body } = await expositionOf([await lastingOf([lasting, await sent(gone)]), await sent(here)]);
  t.match(body, 'keystead_data_keys_total{source="derived"} 3');
});
