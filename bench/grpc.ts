import { getDataKeyMessage, grpcLoad } from './support/grpc-load.ts';
import { WARM } from './support/http-load.ts';
import { interleaved, type Row, ratioRow } from './support/measure.ts';
import { baseline, keystead } from './support/service.ts';

/** (c) `GetDataKey` beside a bare grpc-js handler. */
export async function benchGrpc(): Promise<Row[]> {
  const service = await keystead();
  const bare = await baseline('bare-grpc');
  const message = getDataKeyMessage('pvc-0f3a1c2e-5b6d-4e7f-8a9b-0c1d2e3f4a5b', 32);
  try {
    const rows: Row[] = [];
    for (const { grpc } of [service, bare]) {
      for (let answered = 0; answered < WARM; answered += await grpcLoad(grpc, message, 16, 1));
    }
    for (const concurrency of [1, 16, 64]) {
      const rates = await interleaved([
        { name: 'ours', run: (seconds) => grpcLoad(service.grpc, message, concurrency, seconds) },
        { name: 'bare', run: (seconds) => grpcLoad(bare.grpc, message, concurrency, seconds) },
      ]);
      const [ours, beside] = [rates.get('ours') as number, rates.get('bare') as number];
      rows.push(ratioRow(`(c) GetDataKey, concurrency ${concurrency}`, ours, beside, 'bare grpc-js', 0.9));
    }
    return rows;
  } finally {
    await Promise.all([service.stop(), bare.stop()]);
  }
}
