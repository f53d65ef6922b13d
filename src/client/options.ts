import { setTimeout as sleep } from 'node:timers/promises';
import { KeysteadError } from '../core/errors.ts';
import type { ClientAmbient } from './retry.ts';
import { serverAddress } from './server-address.ts';
import { tokenSource } from './token.ts';
import type { TransportOptions } from './transport.ts';
import { assertMembers, assertText } from './usage.ts';

/** Where the service is, and how it knows the caller. */
export interface ClientOptions {
  /** `https://keystead.example:8443`, or `http://127.0.0.1:8080`. */
  readonly server: string;
  /** The bearer token itself, or the file it stands in, which is read again whenever it changes. */
  readonly token?: string;
  readonly tokenFile?: string;
  /** PEM file with the CAs to trust instead of Node's own. */
  readonly caFile?: string;
  /** PEM files with the client's certificate and its key. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Milliseconds for a call with all its retries; 10,000 when absent. */
  readonly timeoutMs?: number;
  /** Attempts after the first; 3 when absent. */
  readonly retries?: number;
  /** Takes the place of the global `fetch`, for a proxy or a dispatcher of one's own. */
  readonly fetch?: typeof globalThis.fetch;
  readonly ambient?: ClientAmbient;
}

/** Of every call: `signal` ends it, with `client-gone`. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

const TEXTS = ['server', 'token', 'tokenFile', 'caFile', 'certFile', 'keyFile'] as const;
const NAMES = [...TEXTS, 'timeoutMs', 'retries', 'fetch', 'ambient'] as const;

const SYSTEM: ClientAmbient = {
  now: Date.now,
  sleep: async (ms, signal) => sleep(ms, undefined, { signal }),
  random: Math.random,
};

/** Checks the options and fills in what is absent. Throws `bad-usage` or `bad-credentials`. */
export function transportOptions(options: ClientOptions): TransportOptions {
  assertMembers(options, NAMES, "the client's options", 'bad-usage');
  for (const name of TEXTS) assertText(options[name], name, 'bad-usage');
  if (options.fetch !== undefined && typeof options.fetch !== 'function') {
    throw new KeysteadError('bad-usage', 'fetch must be a function');
  }
  const server = serverAddress(options.server);
  return {
    server,
    token: tokenSource(options),
    fetch: fetchOf(options, server),
    timeoutMs: whole(options.timeoutMs ?? 10_000, 'timeoutMs', 1),
    retries: whole(options.retries ?? 3, 'retries', 0),
    ambient: options.ambient ?? SYSTEM,
  };
}

function whole(value: number, name: string, least: number): number {
  // The longest time that Node's timers can wait.
  if (Number.isInteger(value) && value >= least && value <= 0x7fffffff) return value;
  throw new KeysteadError('bad-usage', `${name} must be a whole number from ${least} on`);
}

function fetchOf(options: ClientOptions, server: string): typeof globalThis.fetch {
  const { caFile, certFile, keyFile } = options;
  if (caFile === undefined && certFile === undefined && keyFile === undefined) return options.fetch ?? globalThis.fetch;
  if (options.fetch !== undefined) {
    throw new KeysteadError('bad-usage', 'give TLS files or a fetch of your own, not both');
  }
  if (!server.startsWith('https:')) {
    throw new KeysteadError('bad-usage', `TLS files need an https:// server, and ${server} is none`);
  }
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new KeysteadError('bad-usage', 'a client certificate needs its key file, and a key file its certificate');
  }
  let opened: Promise<typeof globalThis.fetch> | undefined;
  return async (input, init) => {
    opened ??= import('./tls-fetch.ts').then(({ tlsFetch }) => tlsFetch({ caFile, certFile, keyFile }));
    return (await opened)(input, init);
  };
}
