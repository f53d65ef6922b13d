/** HTTP/2 by hand, for what no library would send. */

/** Of frames (RFC 9113, section 6). */
export const TYPE = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, ping: 6, window: 8, continuation: 9 };
/** Flags of frames. */
export const END_STREAM = 1;
export const END_HEADERS = 4;
/** What a client says first. */
export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** A literal header without indexing (RFC 7541, section 6.2.2). */
export function literal(name: string, value: string): Buffer {
  const text = (of: string) => {
    const bytes = Buffer.from(of);
    if (bytes.length < 127) return Buffer.concat([Buffer.of(bytes.length), bytes]);
    const rest = bytes.length - 127;
    return Buffer.concat([Buffer.of(127, (rest & 127) | 128, rest >> 7), bytes]);
  };
  return Buffer.concat([Buffer.of(0), text(name), text(value)]);
}

/** The headers of a call, with which a stream begins. */
export function callHeaders(path = '/kms.API/GetDataKey', more: readonly (readonly [string, string])[] = []): Buffer {
  const all: (readonly [string, string])[] = [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ];
  return Buffer.concat(all.map(([name, value]) => literal(name, value)));
}
