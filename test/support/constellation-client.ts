import { execFile, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SOURCES = join(import.meta.dirname, '..', 'peers', 'constellation-client');
const VECTORS = join(import.meta.dirname, '..', 'vectors', 'constellation.json');

export interface Case {
  readonly id?: string;
  readonly idRepeat?: readonly [string, number];
  readonly length?: number;
  readonly raw?: string;
  readonly gzip?: boolean;
  readonly method?: string;
}

export interface Result {
  readonly key?: string;
  readonly code?: number;
  readonly message?: string;
}

export interface VectorSet {
  readonly name: string;
  readonly masterSecret: string;
  readonly salt: string;
  readonly cases: readonly { readonly request: Case; readonly response: Result }[];
}

/** What Constellation's own key service has answered. */
export const { sets } = JSON.parse(readFileSync(VECTORS, 'utf8')) as { sets: readonly VectorSet[] };

/** Undefined where there is none. */
export function goVersion(): string | undefined {
  try {
    return execFileSync('go', ['version'], { encoding: 'utf8' }).trim();
  } catch {
    return undefined;
  }
}

/** Builds the client once for these sources; keeps it in the user's cache folder. */
export async function buildClient(): Promise<string> {
  const hash = createHash('sha256').update(goVersion() ?? '');
  for (const name of readdirSync(SOURCES).sort()) hash.update(name).update(readFileSync(join(SOURCES, name)));
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'keystead');
  const client = join(cache, `constellation-client-${hash.digest('hex').slice(0, 16)}`);
  if (existsSync(client)) return client;
  mkdirSync(cache, { recursive: true });
  const building = `${client}.${process.pid}`;
  await run('go', ['build', '-o', building, '.'], { cwd: SOURCES });
  renameSync(building, client);
  return client;
}

/** Hands the cases to one run of the client, which opens a connection for each. */
export async function batch(client: string, address: string, cases: readonly Case[]): Promise<Result[]> {
  const child = spawn(client, ['-batch', address], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(cases.map((one) => `${JSON.stringify(one)}\n`).join(''));
  const lines = (await text(child.stdout)).trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as Result);
}
