import { connect, type Socket } from 'node:net';

/**
 * Loads an HTTP/1.1 server on loopback: `concurrency` keep-alive connections, each sending the same prepared request
 * as soon as its answer is complete. It reads no more of an answer than its status and length, so that the generator
 * costs less than the server. Bounded by `seconds`; answers requests a second. Any status but 200 is an error.
 *
 * @param depth requests that go out at once over each connection, the next as many when all their answers are there
 * (HTTP pipelining): the deeper, the less the generator costs. All answers to one request are equally long.
 * @param request several are shared out among the connections.
 * @param took told the milliseconds of each answer.
 */
export async function httpLoad(
  port: number,
  request: Buffer | readonly Buffer[],
  concurrency: number,
  seconds: number,
  depth = 1,
  took: (milliseconds: number) => void = () => {},
): Promise<number> {
  const until = performance.now() + seconds * 1000;
  const begin = performance.now();
  const all = [request].flat().map((one) => Buffer.concat(new Array(depth).fill(one)));
  const rounds = await Promise.all(
    Array.from({ length: concurrency }, (_, n) =>
      oneConnection(port, all[n % all.length] as Buffer, { depth, until, took }),
    ),
  );
  return (depth * rounds.reduce((sum, count) => sum + count, 0)) / ((performance.now() - begin) / 1000);
}

/** Requests after which V8 has compiled what they run through: a service that has just started takes half as much CPU more for each. */
export const WARM = 25_000;
const WARMING_CALLERS = 16;

/** Has a server answer so many requests that what is measured behind them is what it does for days. */
export async function warmUp(port: number, request: Buffer | readonly Buffer[]): Promise<void> {
  for (let answered = 0; answered < WARM; ) await httpLoad(port, request, WARMING_CALLERS, 1, 1, () => answered++);
}

/** A POST with a JSON body, ready to be sent again and again. @param token of the caller. */
export function jsonPost(path: string, body: unknown, token?: string): Buffer {
  const text = JSON.stringify(body);
  const authorization = token === undefined ? '' : `Authorization: Bearer ${token}\r\n`;
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${authorization}Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}

/** How often all of the requests were answered. */
function oneConnection(
  port: number,
  requests: Buffer,
  { depth, until, took }: { depth: number; until: number; took: (milliseconds: number) => void },
): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write(requests));
    socket.setNoDelay(true);
    let head = '';
    let got = 0;
    let need = -1;
    let count = 0;
    let sent = performance.now();
    socket.on('error', reject);
    socket.on('close', () => resolve(count));
    socket.on('data', (chunk) => {
      got += chunk.length;
      if (need < 0) {
        head += chunk.toString('latin1');
        const end = head.indexOf('\r\n\r\n');
        if (end < 0) return;
        const length = /\r\ncontent-length: (\d+)/i.exec(head.slice(0, end))?.[1];
        if (!head.startsWith('HTTP/1.1 200') || length === undefined) return void socket.destroy(new Error(head));
        need = depth * (end + 4 + Number(length));
      }
      if (got < need) return;
      if (got > need) return void socket.destroy(new Error('an answer is longer than the first'));
      head = '';
      got = 0;
      need = -1;
      count++;
      const now = performance.now();
      took(now - sent);
      sent = now;
      if (now >= until) socket.end();
      else socket.write(requests);
    });
  });
}
