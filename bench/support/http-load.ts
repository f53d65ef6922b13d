import { connect, type Socket } from 'node:net';

/**
 * Loads an HTTP/1.1 server on loopback: `concurrency` keep-alive connections, each sending the same prepared request
 * as soon as its answer is complete. It reads no more of an answer than its status and length, so that the generator
 * costs less than the server. Bounded by `seconds`; answers requests a second. Any status but 200 is an error.
 */
export async function httpLoad(port: number, request: Buffer, concurrency: number, seconds: number): Promise<number> {
  const until = performance.now() + seconds * 1000;
  const begin = performance.now();
  const counts = await Promise.all(Array.from({ length: concurrency }, () => oneConnection(port, request, until)));
  return counts.reduce((sum, count) => sum + count, 0) / ((performance.now() - begin) / 1000);
}

/** A POST with a JSON body, ready to be sent again and again. */
export function jsonPost(path: string, body: unknown): Buffer {
  const text = JSON.stringify(body);
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}

function oneConnection(port: number, request: Buffer, until: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.setNoDelay(true);
    let pending = Buffer.alloc(0);
    let need = -1;
    let count = 0;
    socket.on('error', reject);
    socket.on('close', () => resolve(count));
    socket.on('data', (chunk) => {
      pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
      if (need < 0) {
        const head = pending.indexOf('\r\n\r\n');
        if (head < 0) return;
        const text = pending.toString('latin1', 0, head);
        const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
        if (!text.startsWith('HTTP/1.1 200') || length === undefined) return void socket.destroy(new Error(text));
        need = head + 4 + Number(length);
      }
      if (pending.length < need) return;
      pending = Buffer.alloc(0);
      need = -1;
      count++;
      if (performance.now() >= until) socket.end();
      else socket.write(request);
    });
  });
}
