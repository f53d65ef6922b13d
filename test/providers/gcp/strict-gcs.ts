import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * The emulator of Cloud Storage with one gap closed: it deletes whatever the generation, and this compares it first, as
 * Cloud Storage does. Everything else is passed on as it is.
 */
export async function strictGcs(t: { teardown(fn: () => unknown): unknown }, emulator: string): Promise<string> {
  let last: Promise<unknown> = Promise.resolve();
  const server = createServer(async (incoming, response) => {
    const url = new URL(incoming.url ?? '', emulator);
    const { method = 'GET', headers } = incoming;
    const body = Buffer.concat(await incoming.toArray());
    const passOn = async () => {
      if (method === 'DELETE' && !(await conditionHolds(url))) return refuse(412);
      const { host: _host, connection: _connection, ...rest } = headers;
      const init = { method, headers: rest as Record<string, string>, ...(body.length > 0 ? { body } : {}) };
      const answer = await fetch(url, init);
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      response.end(Buffer.from(await answer.arrayBuffer()));
    };
    const refuse = (code: number) => {
      response.writeHead(code, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error: { code, message: 'At least one of the pre-conditions did not hold.' } }));
    };
    // Writes one after the other, so that nothing comes between the comparison and the deletion.
    if (method === 'GET') return passOn();
    last = last.then(passOn, passOn);
    return last;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An object that is not there is left to the emulator: 404. */
async function conditionHolds(url: URL): Promise<boolean> {
  const wanted = url.searchParams.get('ifGenerationMatch');
  const answer = await fetch(new URL(url.pathname, url));
  if (wanted === null || answer.status === 404) return true;
  const { generation } = (await answer.json()) as { generation: string };
  return generation === wanted;
}
