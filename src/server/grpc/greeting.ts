import type { Socket } from 'node:net';

/** What an HTTP/2 connection begins with (RFC 9113, section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
/** Milliseconds that a new connection may stay silent. */
const SILENCE = 10_000;
const TEXT = 'this port speaks gRPC (HTTP/2 with prior knowledge); the HTTP API has a port of its own\n';
const HTTP1_ANSWER = [
  'HTTP/1.1 505 HTTP Version Not Supported',
  'content-type: text/plain; charset=utf-8',
  `content-length: ${TEXT.length}`,
  'connection: close',
  '',
  TEXT,
].join('\r\n');

/** Looks at the first bytes of a connection: hands HTTP/2 on as it came, tells everybody else what this port speaks. */
export function greet(socket: Socket, serve: (socket: Socket) => void): void {
  socket.on('error', () => socket.destroy());
  socket.setTimeout(SILENCE, () => socket.destroy());
  socket.once('data', (first: Buffer) => {
    const length = Math.min(first.length, PREFACE.length);
    if (!first.subarray(0, length).equals(PREFACE.subarray(0, length))) {
      socket.end(HTTP1_ANSWER, () => socket.destroy());
      return;
    }
    socket.pause();
    socket.setTimeout(0);
    socket.removeAllListeners('timeout');
    socket.unshift(first);
    serve(socket);
  });
}
