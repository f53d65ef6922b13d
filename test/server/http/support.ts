import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import type { Test } from 'tap';
import { buildApp } from '../../../src/server/http/app.ts';
import type { HttpLimits } from '../../../src/server/http/limits.ts';
import type { Ambient } from '../../../src/wiring/ambient.ts';
import type { Services } from '../../../src/wiring.ts';
import { type ConfigChanges, testConfig, testServices } from '../../support/services.ts';

export interface Opened {
  readonly app: FastifyInstance;
  readonly services: Services;
}

/** An app over real services, closed with the test. */
export async function openApp(
  t: Test,
  over: {
    config?: ConfigChanges;
    ambient?: Partial<Ambient>;
    limits?: Partial<HttpLimits>;
    services?: Partial<Services>;
  } = {},
): Promise<Opened> {
  const services = await testServices(t, over.config, over.ambient);
  const app = await buildApp({
    services: Object.assign(Object.create(services) as Services, over.services),
    config: testConfig(over.config),
    log: false,
    ...(over.limits === undefined ? {} : { limits: over.limits }),
  });
  t.teardown(() => app.close());
  return { app, services };
}

/** An app with a URI for its KEK, so that its keys are known: master secret `00 01 … 1f`, salt `20 21 … 3f`. */
export const KNOWN_KEK = {
  kms: 'kms://cluster-kms?key=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8&salt=ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8',
};

export const TOKEN = 'a-token-that-is-long-enough';
export const AUTHORIZATION = { authorization: `Bearer ${TOKEN}` };

/** A configuration as in production: not for development, an admin token. */
export function withToken(t: Test): ConfigChanges {
  const folder = mkdtempSync(join(tmpdir(), 'keystead-http-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
  return { dev: false, admin: { tokenFile } };
}

/** Listens on any free port of loopback. */
export async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
}

/** Sends bytes as they are and gives all that comes back until the server closes. */
export function exchange(
  port: number,
  send: string | Buffer | readonly (string | Buffer)[],
  options: { end?: boolean } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    let answer = '';
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      answer += text;
    });
    socket.on('end', () => socket.end(() => resolve(answer)));
    socket.on('error', reject);
    for (const part of Array.isArray(send) ? send : [send]) socket.write(part as string | Buffer);
    if (options.end === true) socket.end();
  });
}

/** Checks that an answer is a problem of that reason, in the one form of all. */
export function isProblem(t: Test, answer: LightMyRequestResponse, status: number, reason: string): string {
  t.equal(answer.statusCode, status);
  t.equal(answer.headers['content-type'], 'application/problem+json');
  t.equal(answer.headers['cache-control'], 'no-store');
  t.equal(answer.headers['x-content-type-options'], 'nosniff');
  const problem = answer.json<Record<string, unknown>>();
  t.strictSame(Object.keys(problem), ['type', 'title', 'status', 'detail', 'instance', 'code', 'reason', 'retryable']);
  t.equal(problem['reason'], reason);
  t.equal(problem['type'], `urn:keystead:problem:${reason}`);
  t.equal(problem['status'], status);
  t.match(problem['instance'], /^urn:keystead:audit:[0-9a-f]{32}$/);
  return String(problem['detail']);
}
