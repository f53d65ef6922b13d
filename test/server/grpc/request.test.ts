import t from 'tap';
import { parseTimeout } from '../../../src/server/grpc/request.ts';

t.test('every unit is read, and rounded up to a millisecond', async (t) => {
  for (const [header, milliseconds] of [
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['4m', 4],
    ['1500u', 2],
    ['1n', 1],
    ['0n', 0],
    ['00000005S', 5000],
  ] as const) {
    t.equal(parseTimeout(header), milliseconds, header);
  }
});

t.test('a timeout beyond what a timer takes is as long as that', async (t) => {
  t.equal(parseTimeout('99999999H'), 2 ** 31 - 1);
});

t.test('anything else is internal, with HTTP status 400', async (t) => {
  for (const header of ['', 'S', '5', '5s', '-5S', '+5S', '5 S', '5SS', '123456789S', '1.5S', '5S,5S', '٥S']) {
    t.throws(
      () => parseTimeout(header),
      { name: 'KeysteadError', grpcStatus: 13, headers: { ':status': 400 } } as never,
      header,
    );
  }
});
