import { connect } from 'node:net';
import t from 'tap';
import { testMethods } from './support/test-methods.ts';
import { ourTransport } from './support/transports.ts';

const [DATA, HEADERS, SETTINGS] = [0, 1, 4];
const [END_STREAM, END_HEADERS] = [1, 4];

function http2Frame(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

/** HPACK in its plainest form (RFC 7541, section 6.2.2): every name and value is spelled out. */
function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  const text = (value: string) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)]);
  return Buffer.concat(Object.entries(headers).flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]));
}

t.test('a call whose empty end arrives together with its head is answered', async (t) => {
  const { port } = await ourTransport(t, testMethods().methods);
  const socket = connect({ host: '127.0.0.1', port });
  t.teardown(() => socket.destroy());
  const head = headerBlock({
    ':method': 'POST',
    ':scheme': 'http',
    ':authority': 'localhost',
    ':path': '/test.Service/Echo',
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  socket.write(
    Buffer.concat([
      Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
      http2Frame(SETTINGS, 0, 0),
      http2Frame(HEADERS, END_HEADERS, 1, head),
      http2Frame(DATA, END_STREAM, 1),
    ]),
  );
  t.same(await firstFrameOfCall(socket), { type: HEADERS, flags: END_STREAM | END_HEADERS }, 'nothing but a status');
});

/** The first frame that says something of the one call. */
async function firstFrameOfCall(
  socket: AsyncIterable<Buffer>,
): Promise<{ type?: number | undefined; flags?: number | undefined }> {
  let bytes: Buffer = Buffer.alloc(0);
  for await (const chunk of socket) {
    bytes = Buffer.concat([bytes, chunk]);
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      if (bytes.readUInt32BE(5) === 1) return { type: bytes[3], flags: bytes[4] };
      bytes = bytes.subarray(9 + bytes.readUIntBE(0, 3));
    }
  }
  return {};
}
