import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test as Tap } from 'tap';
import { lineHash, NO_LINE } from '../../src/audit/hash-chain.ts';
import { type ServiceProcess, startService } from '../support/service-process.ts';

interface Test {
  teardown(fn: () => unknown): void;
}

const FAST = { deadline: 300, checkpoint: 1 };

async function getKey(http: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(`${http}/v1/data-keys/disk/get?length=32`, { method: 'POST' });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** Asks until the service gives a key again. */
async function untilServed(http: string): Promise<void> {
  while ((await getKey(http)).status !== 200) await sleep(20);
}

/** That no key is given, that the reason names the sink, and that the service goes on saying so. */
async function assertFailsClosed(t: Tap, http: string, sink: string): Promise<void> {
  const { status, body } = await getKey(http);
  t.match({ status, body }, { status: 503, body: { reason: 'audit-unavailable', dataKey: undefined } });
  t.equal((await fetch(`${http}/livez`)).status, 200, 'it lives');
  const ready = await fetch(`${http}/readyz`);
  t.equal(ready.status, 503);
  t.match(await ready.text(), sink, 'readiness names the sink');
  t.match(await (await fetch(`${http}/v1/system/status`)).json(), { state: 'not-ready', reason: sink });
}

/** The lines of a trail in the order of their chain, checked link by link. */
function assertWhole(t: Tap, lines: readonly string[]): Record<string, unknown>[] {
  const parsed = lines.map((line) => ({ line, ...JSON.parse(line) })).sort((a, b) => a.seq - b.seq);
  let prev = NO_LINE;
  for (const [at, { line, seq, prev: told, hash }] of parsed.entries()) {
    if (seq !== at + 1 || told !== prev || hash !== lineHash(line.slice(0, line.lastIndexOf(',"hash"')))) {
      t.fail(`the chain is broken at ${seq}`);
    }
    prev = hash;
  }
  return parsed;
}

function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8').split('\n').slice(0, -1);
}

function fileSink(t: Test): { path: string; sink: string } {
  const folder = mkdtempSync(join(tmpdir(), 'keystead-audit-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'audit.jsonl');
  return { path, sink: `file://${path}` };
}

async function end(service: ServiceProcess): Promise<void> {
  service.kill('SIGTERM');
  await service.exited;
}

t.test('on a full disk no key is handed out, and all goes on when there is room', async (t) => {
  const { path, sink } = fileSink(t);
  const service = startService(t, { audit: { ...FAST, sink } }, { bare: true });
  const { http } = await service.ready();
  t.equal((await getKey(http)).status, 200);
  const limit = (bytes: string) => execFileSync('prlimit', ['--pid', String(service.child.pid), `--fsize=${bytes}`]);
  limit(`${statSync(path).size + 100}:unlimited`);
  await assertFailsClosed(t, http, sink);
  const full = linesOf(path);
  t.ok(
    full.every((line) => line.endsWith('}')),
    'no half line stays behind',
  );
  limit('unlimited:unlimited');
  await untilServed(http);
  await end(service);
  const lines = assertWhole(t, linesOf(path));
  t.equal(lines.at(-1)?.['type'], 'close');
});

t.test('a file that is deleted underneath is begun anew, and no line is lost that an answer stands on', async (t) => {
  const { path, sink } = fileSink(t);
  const service = startService(t, { audit: { ...FAST, sink } });
  const { http } = await service.ready();
  await getKey(http);
  unlinkSync(path);
  t.equal((await getKey(http)).status, 200);
  t.match(linesOf(path).at(-1), '"resource":"disk"');
});

t.test('a trail that grows is put aside in pieces that are one chain', async (t) => {
  const { path, sink } = fileSink(t);
  const service = startService(t, { audit: { ...FAST, sink, maxFileSize: 65_536 } });
  const { http } = await service.ready();
  for (let n = 0; n < 10; n++) await Promise.all(Array.from({ length: 40 }, () => getKey(http)));
  await end(service);
  const folder = join(path, '..');
  const names = readdirSync(folder).filter((name) => !name.endsWith('.head'));
  t.ok(names.length >= 3, `${names.length} files`);
  const lines = assertWhole(
    t,
    names.flatMap((name) => linesOf(join(folder, name))),
  );
  t.equal(lines.filter(({ action }) => action === 'data-key.get').length, 400);
});

t.test('a service that was killed in the middle leaves a chain, and the next one says what it follows', async (t) => {
  const { path, sink } = fileSink(t);
  const service = startService(t, { audit: { ...FAST, sink } });
  const { http } = await service.ready();
  let answered = 0;
  const ask = async () => {
    for (;;) {
      if ((await getKey(http)).status === 200) answered += 1;
      if (answered === 100) service.kill('SIGKILL');
    }
  };
  await Promise.allSettled(Array.from({ length: 16 }, ask));
  const written = linesOf(path);
  t.ok(assertWhole(t, written).filter(({ outcome }) => outcome === 'ok').length >= answered, 'a line for each answer');
  const next = startService(t, { audit: { ...FAST, sink } });
  await next.ready();
  const { chain, seq, hash } = JSON.parse(written.at(-1) as string);
  const opened = linesOf(path)
    .map((line) => JSON.parse(line))
    .findLast(({ type }) => type === 'open');
  t.match(opened, { after: { chain, seq, hash } });
});

t.test('a collector that hangs or fails hangs nothing, and gets every line when it is back', async (t) => {
  let answer: 'good' | 'never' | 'failing' = 'good';
  const taken: string[] = [];
  const server = createServer(async (request, response: ServerResponse) => {
    const body = await text(request);
    if (answer === 'never') return;
    if (answer === 'good') taken.push(...body.split('\n').slice(0, -1));
    response.writeHead(answer === 'good' ? 200 : 500).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const sink = `http://127.0.0.1:${(server.address() as AddressInfo).port}/lines`;
  const service = startService(t, { audit: { ...FAST, sink } });
  const { http } = await service.ready();
  t.equal((await getKey(http)).status, 200);
  for (const trouble of ['never', 'failing'] as const) {
    answer = trouble;
    await assertFailsClosed(t, http, sink);
    answer = 'good';
    await untilServed(http);
  }
  await end(service);
  server.closeAllConnections();
  const once = [...new Set(taken)];
  t.equal(assertWhole(t, once).at(-1)?.['type'], 'close', 'some may have come twice, none is missing');
});

t.test('a collector that is away at the start leaves a service that says why it is not ready', async (t) => {
  const sink = 'http://127.0.0.1:9/lines';
  const service = startService(t, { audit: { ...FAST, sink } });
  const { http } = await service.ready();
  await assertFailsClosed(t, http, sink);
});

t.test('a folder that is not there is told at the start', async (t) => {
  const service = startService(t, { audit: { sink: 'file:///nowhere/audit.jsonl' } });
  t.equal(await service.exited, 75);
  t.match(service.stderr, /audit sink file:\/\/\/nowhere\/audit\.jsonl cannot be opened \(ENOENT\)/);
});
