import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';

interface T {
  teardown(fn: () => unknown): void;
}

/** What came back on one stream, trailers and headers apart. */
export interface RawAnswer {
  readonly http: number | undefined;
  /** From the trailers, or from the headers of an answer that is nothing else. */
  readonly status: number | undefined;
  readonly message: string;
  readonly headers: Record<string, unknown>;
  readonly trailers: Record<string, unknown>;
  readonly messages: Buffer[];
  readonly reset: number | undefined;
}

/** A session that says no more than it is told to, for what no gRPC library would send. */
export function rawSession(t: T, port: number, options: Parameters<typeof connect>[1] = {}): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`, options);
  session.on('error', () => {});
  t.teardown(() => session.destroy());
  return session;
}

export function rawStream(session: ClientHttp2Session, path: string, headers: OutgoingHttpHeaders = {}) {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.on('error', () => {});
  return stream;
}

/** Waits for the end of a stream. */
export function answerOf(stream: ClientHttp2Stream): Promise<RawAnswer> {
  let headers: Record<string, unknown> = {};
  let trailers: Record<string, unknown> = {};
  const chunks: Buffer[] = [];
  stream.on('response', (given) => {
    headers = given;
  });
  stream.on('trailers', (given) => {
    trailers = given;
  });
  stream.on('data', (chunk) => chunks.push(chunk));
  return new Promise((resolve) => {
    stream.on('close', () => {
      const status = trailers['grpc-status'] ?? headers['grpc-status'];
      resolve({
        http: headers[':status'] as number | undefined,
        status: status === undefined ? undefined : Number(status),
        message: decodeURIComponent(String(trailers['grpc-message'] ?? headers['grpc-message'] ?? '')),
        headers,
        trailers,
        messages: unframe(Buffer.concat(chunks)),
        reset: stream.rstCode,
      });
    });
  });
}

export function rawCall(
  session: ClientHttp2Session,
  path: string,
  body: Uint8Array | undefined,
  headers: OutgoingHttpHeaders = {},
): Promise<RawAnswer> {
  const stream = rawStream(session, path, headers);
  const answer = answerOf(stream);
  stream.end(body);
  return answer;
}

export function framed(message: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function unframe(bytes: Buffer): Buffer[] {
  const messages: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    messages.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return messages;
}
