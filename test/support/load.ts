import { Agent, request } from 'node:http';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';

export interface Tally {
  answered: number;
  /** What became of requests that got no good answer. */
  readonly lost: string[];
}

/**
 * Asks for keys over `connections` connections that are kept, each as fast as it can, until nobody listens any more.
 * Whoever is told that a connection closes behind the answer makes another, as HTTP clients do.
 */
export async function httpLoad(
  url: string,
  connections: number,
  onAnswer: (tally: Tally) => void,
  { keepAlive = true } = {},
): Promise<Tally> {
  const agent = new Agent({ keepAlive, maxSockets: connections });
  const tally: Tally = { answered: 0, lost: [] };
  const ask = (n: number) =>
    new Promise<'again' | 'refused'>((resolve) => {
      const sent = request(`${url}/v1/data-keys/disk-${n}/get?length=32`, { method: 'POST', agent }, (response) => {
        response.resume();
        response.once('error', (error) => tally.lost.push(`answer cut: ${error.message}`));
        response.once('close', () => {
          if (response.statusCode === 200 && response.complete) tally.answered++;
          else tally.lost.push(`status ${response.statusCode}`);
          onAnswer(tally);
          resolve('again');
        });
      });
      sent.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ECONNREFUSED')
          tally.lost.push(`${error.code}${sent.reusedSocket ? '' : ' on a new connection'}`);
        resolve('refused');
      });
      sent.end();
    });
  const loop = async (n: number) => {
    while ((await ask(n)) === 'again');
  };
  await Promise.all(Array.from({ length: connections }, (_, n) => loop(n)));
  agent.destroy();
  return tally;
}

/** The same over gRPC: one connection per loop. */
export async function grpcLoad(address: string, connections: number, onAnswer: (tally: Tally) => void): Promise<Tally> {
  const tally: Tally = { answered: 0, lost: [] };
  const loop = async () => {
    const client = new Client(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
    while ((await askGrpc(client, tally)) === 'again') onAnswer(tally);
    client.close();
  };
  await Promise.all(Array.from({ length: connections }, loop));
  return tally;
}

// GetDataKeyRequest{data_key_id: "disk", length: 32}
const MESSAGE = Buffer.from([0x0a, 4, ...Buffer.from('disk'), 0x10, 32]);

function askGrpc(client: Client, tally: Tally): Promise<'again' | 'refused'> {
  return new Promise((resolve) => {
    const done = (error: ServiceError | null, answer?: Buffer) => {
      if (error === null && answer?.length === 34) {
        tally.answered++;
        resolve('again');
        return;
      }
      if (error?.code !== status.UNAVAILABLE || !/ECONNREFUSED/.test(error.details)) tally.lost.push(String(error));
      resolve('refused');
    };
    const bytes = (buffer: Buffer) => buffer;
    client.makeUnaryRequest('/kms.API/GetDataKey', bytes, bytes, MESSAGE, done);
  });
}
