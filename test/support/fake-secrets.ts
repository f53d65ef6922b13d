import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Test = { teardown(fn: () => unknown): void };
type Data = Readonly<Record<string, string>>;

interface Secret {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly data: Data;
  readonly immutable?: boolean;
}

/** As much of an API server as one Secret needs: get, create, watch. The real one is asked the same in test/kubernetes. */
export class FakeSecrets {
  url = '';
  /** Verbs that are answered with 403. */
  denied = new Set<string>();
  /** Answers nothing but 500. */
  away = false;
  /** Method and URL of what was asked, in order. */
  readonly asked: string[] = [];
  #version = 1;
  #secret: Secret | undefined;
  readonly #watchers = new Set<ServerResponse>();

  /** What is in the Secret, in base64. */
  get data(): Data | undefined {
    return this.#secret?.data;
  }

  get immutable(): boolean {
    return this.#secret?.immutable === true;
  }

  /** Writes it as an administrator may, over whatever is there; undefined removes it. */
  put(name: string, data: Data | undefined): void {
    this.#version += 1;
    const type = data === undefined ? 'DELETED' : this.#secret === undefined ? 'ADDED' : 'MODIFIED';
    const metadata = { name, resourceVersion: `${this.#version}` };
    const object = { kind: 'Secret', metadata, data: data ?? this.#secret?.data ?? {} };
    this.#secret = data === undefined ? undefined : object;
    for (const watcher of this.#watchers) watcher.write(`${JSON.stringify({ type, object })}\n`);
  }

  /** How many watches go on. */
  get watches(): number {
    return this.#watchers.size;
  }

  /** Ends every watch that goes on. */
  endWatches(): void {
    for (const watcher of this.#watchers) watcher.end();
  }

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    this.asked.push(`${method} ${url}`);
    const { pathname, searchParams } = new URL(url, 'http://localhost');
    const verb = method === 'POST' ? 'create' : searchParams.has('watch') ? 'watch' : 'get';
    const body = (await request.toArray()).join('');
    if (this.away) return void response.writeHead(500).end('{}');
    if (this.denied.has(verb)) return void response.writeHead(403).end('{}');
    if (verb === 'watch') return this.#watch(searchParams.get('resourceVersion'), response);
    if (verb === 'create') return this.#create(JSON.parse(body), response);
    const found = this.#secret?.metadata.name === pathname.split('/').at(-1) ? this.#secret : undefined;
    response.writeHead(found === undefined ? 404 : 200).end(JSON.stringify(found ?? { kind: 'Status' }));
  }

  #create(sent: Secret, response: ServerResponse): void {
    if (this.#secret !== undefined) return void response.writeHead(409).end('{}');
    this.put(sent.metadata.name, sent.data);
    if (this.#secret !== undefined) this.#secret = { ...(this.#secret as Secret), immutable: sent.immutable === true };
    response.writeHead(201).end('{}');
  }

  #watch(from: string | null, response: ServerResponse): void {
    response.writeHead(200);
    response.flushHeaders();
    if (from === null && this.#secret !== undefined) {
      response.write(`${JSON.stringify({ type: 'ADDED', object: this.#secret })}\n`);
    }
    this.#watchers.add(response);
    response.once('close', () => this.#watchers.delete(response));
  }
}

/** On loopback, until the test ends. */
export async function openSecrets(t: Test): Promise<FakeSecrets> {
  const secrets = new FakeSecrets();
  const server = createServer((request, response) => void secrets.handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  secrets.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return secrets;
}
