import { httpLoad, jsonPost, warmUp } from './support/http-load.ts';
import { interleaved, type Row, ratioRow } from './support/measure.ts';
import { baseline, keystead } from './support/service.ts';

const ID = 'pvc-0f3a1c2e-5b6d-4e7f-8a9b-0c1d2e3f4a5b';
const GET = jsonPost(`/v1/data-keys/${ID}/get`, { length: 32 });
const QUERY = Buffer.from(
  `POST /v1/data-keys/${ID}/get?length=32 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n`,
);
const BATCH = 100;
/** Requests in flight over each connection, where the generator must not be the limit: it costs less for each then. */
const DEPTH = 32;

/** (b) `get` over HTTP beside a bare Fastify route. */
export async function benchHttp(): Promise<Row[]> {
  const service = await keystead();
  const bare = await baseline('bare-fastify');
  try {
    const rows: Row[] = [];
    for (const request of [GET, QUERY]) await warmUp(service.http, request);
    await warmUp(bare.http, GET);
    for (const concurrency of [1, 16, 64]) {
      const load = (name: string, port: number, request: Buffer) => ({
        name,
        run: (seconds: number) => httpLoad(port, request, concurrency, seconds),
      });
      const rates = await interleaved([
        load('ours', service.http, GET),
        load('query', service.http, QUERY),
        load('bare', bare.http, GET),
      ]);
      const beside = rates.get('bare') as number;
      rows.push(
        ratioRow(`(b) get, concurrency ${concurrency}`, rates.get('ours') as number, beside, 'bare Fastify', 0.85),
      );
      rows.push(
        ratioRow(
          `(b) get?length=32, concurrency ${concurrency}`,
          rates.get('query') as number,
          beside,
          'bare Fastify',
          0.85,
        ),
      );
    }
    return rows;
  } finally {
    await Promise.all([service.stop(), bare.stop()]);
  }
}

/** (d) A second worker, and keys a second through batch-get. */
export async function benchWorkersAndBatch(): Promise<Row[]> {
  const one = await keystead();
  const two = await keystead('--workers', '2');
  const batch = jsonPost('/v1/data-keys/-/batch-get', {
    requests: Array.from({ length: BATCH }, (_, n) => ({ dataKeyId: `pvc-${n}`, length: 32 })),
  });
  try {
    await warmUp(one.http, GET);
    // Each worker gets about half.
    for (let worker = 0; worker < 2; worker++) await warmUp(two.http, GET);
    const rates = await interleaved([
      { name: 'one', run: (seconds) => httpLoad(one.http, GET, 16, seconds, DEPTH) },
      { name: 'two', run: (seconds) => httpLoad(two.http, GET, 16, seconds, DEPTH) },
      { name: 'single', run: (seconds) => httpLoad(one.http, GET, 64, seconds) },
      { name: 'batch', run: async (seconds) => BATCH * (await httpLoad(one.http, batch, 16, seconds)) },
    ]);
    const rate = (name: string) => rates.get(name) as number;
    return [
      ratioRow(`(d) two workers, ${DEPTH} requests in a pipeline`, rate('two'), rate('one'), 'one worker', 1.7),
      ratioRow(`(d) keys through batch-get of ${BATCH}`, rate('batch'), rate('single'), 'single gets', 8),
    ];
  } finally {
    await Promise.all([one.stop(), two.stop()]);
  }
}
