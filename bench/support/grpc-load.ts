import { type ClientHttp2Session, connect } from 'node:http2';

const METHOD = '/kms.API/GetDataKey';

/** GetDataKeyRequest{data_key_id, length} as one gRPC message: the ids and lengths used here fit one-byte varints. */
export function getDataKeyMessage(id: string, length: number): Buffer {
  const message = Buffer.concat([Buffer.from([0x0a, id.length]), Buffer.from(id), Buffer.from([0x10, length])]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/**
 * Loads a gRPC server on loopback over one HTTP/2 connection with `concurrency` calls in flight, on bare node:http2 so
 * that the generator costs less than a full client. Bounded by `seconds`; answers calls a second.
 */
export async function grpcLoad(port: number, message: Buffer, concurrency: number, seconds: number): Promise<number> {
  const session = connect(`http://127.0.0.1:${port}`);
  const begin = performance.now();
  const until = begin + seconds * 1000;
  try {
    const counts = await Promise.all(Array.from({ length: concurrency }, () => callUntil(session, message, until)));
    return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - begin) / 1000);
  } finally {
    session.close();
  }
}

async function callUntil(session: ClientHttp2Session, message: Buffer, until: number): Promise<number> {
  let count = 0;
  while (performance.now() < until) {
    await call(session, message);
    count++;
  }
  return count;
}

function call(session: ClientHttp2Session, message: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': METHOD,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let status: unknown;
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    stream.on('trailers', (trailers) => (status = trailers['grpc-status']));
    stream.on('error', reject);
    stream.on('end', () =>
      status === '0' && bytes > 5 ? resolve() : reject(new Error(`grpc-status ${String(status)}`)),
    );
    stream.end(message);
  });
}
