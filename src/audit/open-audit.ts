import type { Writable } from 'node:stream';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import type { AuditSink } from '../core/audit.ts';
import type { Clock, Random } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import { unreadable } from '../core/unreadable.ts';
import { type CheckpointSigner, checkpointSigner } from './checkpoint.ts';
import { filePlace } from './file-place.ts';
import { httpPlace } from './http-place.ts';
import type { LinePlace } from './place.ts';
import { streamPlace } from './stream-place.ts';
import { openTrail } from './trail.ts';

/** The settings of the audit trail, as the configuration has them: milliseconds, bytes, but seconds for `checkpoint`. */
export interface AuditSettings {
  readonly sink: string;
  readonly deadline: number;
  readonly spool: number;
  readonly maxFileSize: number;
  readonly checkpoint: number;
  readonly signingKeyFile?: string | undefined;
  readonly idKeyFile?: string | undefined;
}

export interface AuditDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly version: string;
  readonly stdout: Writable;
  /** Gives bytes that nobody else uses; throws as `node:fs` does. */
  readFile(path: string, max: number): Promise<Buffer>;
}

const MAX_KEY_FILE = 64 * 1024;
const MIN_ID_KEY = 32;

/** Opens the audit trail of this process. Throws `bad-config`, `no-file`, `cannot-read` or `audit-unavailable`. */
export async function openAudit(settings: AuditSettings, deps: AuditDeps): Promise<AuditSink> {
  const { clock, random, version } = deps;
  const signer = await openSigner(settings.signingKeyFile, deps);
  const hideId = await openIdKey(settings.idKeyFile, deps);
  const chain = Buffer.from(random.bytes(16)).toString('hex');
  const place = openPlace(settings, chain, deps);
  try {
    return await openTrail({
      place,
      clock,
      chain,
      version,
      deadline: settings.deadline,
      spool: settings.spool,
      checkpoint: settings.checkpoint * 1000,
      signer,
      hideId,
    });
  } catch (error) {
    await place.close();
    if (error instanceof KeysteadError) throw error;
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new KeysteadError('audit-unavailable', `the audit sink ${place.name} cannot be opened (${code})`, {
      cause: error,
    });
  }
}

function openPlace(settings: AuditSettings, chain: string, deps: AuditDeps): LinePlace {
  const { sink, maxFileSize, deadline } = settings;
  if (sink === 'stdout') return streamPlace(deps.stdout);
  if (sink.startsWith('file://')) {
    const path = decodeURIComponent(new URL(sink).pathname);
    return filePlace({ path, maxSize: maxFileSize, clock: deps.clock, mark: chain.slice(0, 8) });
  }
  return openCollector(sink, deadline, deps);
}

/** The token stands in a file that the URI names, never in the URI. */
function openCollector(sink: string, deadline: number, deps: AuditDeps): LinePlace {
  const otlp = sink.startsWith('otlp+');
  const text = otlp ? sink.slice('otlp+'.length) : sink;
  if (!URL.canParse(text)) throw new KeysteadError('bad-config', 'audit.sink is not a valid URL');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') {
    throw new KeysteadError('bad-config', 'audit.sink must not hold credentials; name a file with ?tokenFile=/path');
  }
  const tokenFile = url.searchParams.get('tokenFile');
  url.searchParams.delete('tokenFile');
  const token = tokenFile === null ? undefined : () => readToken(tokenFile, deps);
  return httpPlace({ url: `${otlp ? 'otlp+' : ''}${url.href}`, timeoutMs: deadline, token });
}

/** Throws where there is none that a header could carry. */
async function readToken(file: string, deps: AuditDeps): Promise<string> {
  const token = (await readNamed(file, 'the token file of audit.sink', deps)).toString('utf8').trim();
  if (/^[!-~]+$/.test(token)) return token;
  throw new KeysteadError('bad-config', `the token file of audit.sink ${file} holds no token`);
}

async function openSigner(file: string | undefined, deps: AuditDeps): Promise<CheckpointSigner | undefined> {
  if (file === undefined) return undefined;
  const pem = await readNamed(file, 'audit.signingKeyFile', deps);
  try {
    return checkpointSigner(pem, file);
  } finally {
    pem.fill(0);
  }
}

/** HMAC-SHA-256 of an id under the key of the file: the same id is told by the same text, and cannot be found out. */
async function openIdKey(file: string | undefined, deps: AuditDeps): Promise<((id: string) => string) | undefined> {
  if (file === undefined) return undefined;
  const key = await readNamed(file, 'audit.idKeyFile', deps);
  if (key.length < MIN_ID_KEY) {
    throw new KeysteadError('bad-config', `${file} must hold at least ${MIN_ID_KEY} bytes, not ${key.length}`);
  }
  const keyed = hmac.create(sha256, key);
  key.fill(0);
  return (id) => `hmac:${Buffer.from(keyed.clone().update(Buffer.from(id)).digest()).toString('hex')}`;
}

async function readNamed(file: string, what: string, deps: AuditDeps): Promise<Buffer> {
  try {
    return await deps.readFile(file, MAX_KEY_FILE);
  } catch (error) {
    throw unreadable(`${what} ${file}`, error);
  }
}
