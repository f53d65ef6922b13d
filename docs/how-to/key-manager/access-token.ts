// An access token for somebody else's API, out of the environment. The client keeps the token, so it is told of changes.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { environmentSource, KeyManager } from 'keystead/key-manager';

/** A client that somebody else wrote: it takes a token once, and keeps it. */
class ReportsClient {
  readonly #url: string;
  #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  setToken(token: string): void {
    this.#token = token;
  }

  async latest(): Promise<string> {
    const answer = await fetch(this.#url, { headers: { authorization: `Bearer ${this.#token}` } });
    return answer.ok ? answer.text() : `refused with ${answer.status}`;
  }
}

// Their API, for this example: it takes one token at a time.
let accepted = 'first-token';
const api = createServer((request, response) => {
  response.statusCode = request.headers.authorization === `Bearer ${accepted}` ? 200 : 401;
  response.end('42 reports');
});
await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;

const env: Record<string, string | undefined> = { REPORTS_TOKEN: 'first-token' };
const keys = new KeyManager();
keys.defineKey({ name: 'reports', store: environmentSource(env, 'REPORTS_TOKEN'), useCase: 'ONE_WAY_TRIP' });

const client = new ReportsClient(url, (await keys.getKey('reports')).text());
keys.registerOnChange('reports', (_old, next) => client.setToken(String(next)));
process.stdout.write(`with the first token: ${await client.latest()}\n`);

accepted = 'second-token';
env['REPORTS_TOKEN'] = 'second-token';
process.stdout.write(`before the change is declared: ${await client.latest()}\n`);

await keys.keyChanged('reports', 'first-token', 'second-token');
process.stdout.write(`after it: ${await client.latest()}\n`);
api.close();
