import type { Test } from 'tap';
import type { Services } from '../../src/wiring.ts';
import { openApp } from '../server/http/support.ts';
import { placeSecrets } from './places.ts';
import type { ConfigChanges } from './services.ts';

/** What a caller got over HTTP: a key, or a problem. */
export interface Told {
  readonly status: number;
  readonly key?: string;
  readonly created?: boolean;
  readonly reason?: string;
  readonly code?: string;
  readonly retryable?: boolean;
  readonly retryAfter?: number;
  readonly detail?: string;
}

export interface OpenedHouse {
  readonly services: Services;
  get(id: string, body?: object): Promise<Told>;
  /** Any other call. */
  ask(method: 'GET' | 'POST' | 'DELETE', url: string, body?: object): Promise<Told & { readonly body: unknown }>;
}

/** A whole service as its callers see it, over HTTP. */
export async function openHouse(t: Test, kms: string, storage: string, over: ConfigChanges = {}): Promise<OpenedHouse> {
  const config = { ...over, kms, storage };
  const { app, services } = await openApp(t, { config, ambient: { secrets: placeSecrets } });
  const ask: OpenedHouse['ask'] = async (method, url, payload) => {
    const answer = await app.inject({ method, url, ...(payload === undefined ? {} : { payload }) });
    const body = answer.json();
    const after = answer.headers['retry-after'];
    return {
      status: answer.statusCode,
      body,
      ...('dataKey' in body ? { key: body.dataKey, created: body.created } : {}),
      ...('reason' in body
        ? { reason: body.reason, code: body.code, retryable: body.retryable, detail: body.detail }
        : {}),
      ...(after === undefined ? {} : { retryAfter: Number(after) }),
    };
  };
  return { services, ask, get: (id, body) => ask('POST', `/v1/data-keys/${encodeURIComponent(id)}/get`, body) };
}

/** An error as S3 writes it. */
export function s3Error(status: number, code: string, headers: Readonly<Record<string, string>> = {}) {
  return {
    status,
    headers: { 'content-type': 'application/xml', ...headers },
    body: `<Error><Code>${code}</Code></Error>`,
  };
}

/** An error as AWS KMS writes it. */
export function kmsError(status: number, name: string, message = 'as AWS says it') {
  const body = JSON.stringify({ __type: name, message });
  return { status, headers: { 'content-type': 'application/x-amz-json-1.1' }, body };
}
