import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { httpLoad, jsonPost, warmUp } from './support/http-load.ts';
import { type Contender, interleaved, type Row, ratioRow } from './support/measure.ts';
import { baseline, guardedKeystead, type Running } from './support/service.ts';

const CALLERS = 16;
const RULES = 100;
const ID = 'pvc-0f3a1c2e-5b6d-4e7f-8a9b-0c1d2e3f4a5b';

/**
 * (j) `get` with tokens by JWKS, a policy of a hundred rules, metrics, and an audit trail that is synced to a file, or goes
 * to one by standard output, beside the same route with none of them.
 */
export async function benchAllOn(): Promise<Row[]> {
  const folder = mkdtempSync(join(tmpdir(), 'keystead-all-on-'));
  const issuer = await openIssuer();
  const kek = join(folder, 'kek');
  writeKek(folder);
  const flags = ['--kek-dir', kek, ...guardedBy(folder, issuer.url)];
  const [trail, output] = [join(folder, 'audit.jsonl'), join(folder, 'output')];
  const all = await guardedKeystead(devNull, ...flags, '--audit-sink', `file://${trail}`);
  const unsynced = await guardedKeystead(output, ...flags);
  const plain = await baseline('plain-keystead', kek);
  try {
    const tokens = await Promise.all(Array.from({ length: CALLERS }, (_, n) => issuer.token(`team-${n}`)));
    const requests = tokens.map((token, n) => jsonPost(`/v1/data-keys/team-${n}%2F${ID}/get`, { length: 32 }, token));
    const rows: Row[] = [];
    const services = { all, unsynced, plain };
    for (const service of Object.values(services)) await warmUp(service.http, requests);
    for (const concurrency of [16, 64]) {
      const measured = Object.entries(services).map(([name, service]) => measure(name, service, requests, concurrency));
      const rates = await interleaved(measured.map(({ contender }) => contender));
      rows.push(...rowsFor(concurrency, rates, measured));
    }
    return rows;
  } finally {
    await Promise.all([all.stop(), unsynced.stop(), plain.stop()]);
    issuer.close();
    rmSync(folder, { recursive: true });
  }
}

interface Measured {
  readonly contender: Contender;
  /** Milliseconds of each answer. */
  readonly times: number[];
  /** Microseconds of CPU that the service took for each. */
  cpu(): number;
}

function measure(name: string, service: Running, requests: readonly Buffer[], concurrency: number): Measured {
  const times: number[] = [];
  let seconds = 0;
  const run = async (duration: number) => {
    const before = service.cpuSeconds();
    const rate = await httpLoad(service.http, requests, concurrency, duration, 1, (took) => times.push(took));
    seconds += service.cpuSeconds() - before;
    return rate;
  };
  return { contender: { name, run }, times, cpu: () => (1e6 * seconds) / times.length };
}

function rowsFor(concurrency: number, rates: ReadonlyMap<string, number>, measured: readonly Measured[]): Row[] {
  const [all, unsynced, plain] = measured as [Measured, Measured, Measured];
  const rate = (name: string) => rates.get(name) as number;
  const what = `(j) get, concurrency ${concurrency}: tokens by JWKS, ${RULES} rules, metrics, audit`;
  const beside = 'the same route with none of them';
  const within = ({ times }: Measured) => `${quantile(times, 0.5)}, ${quantile(times, 0.99)}`;
  return [
    ratioRow(`${what} synced to a file`, rate('all'), rate('plain'), beside, 0.75),
    ratioRow(`${what} to a file by standard output`, rate('unsynced'), rate('plain'), beside, 0.75),
    {
      what: `(j) get, concurrency ${concurrency}: CPU of the service for each, audit synced to a file`,
      ours: `${all.cpu().toFixed(0)} µs, ${unsynced.cpu().toFixed(0)} µs by standard output`,
      baseline: `${plain.cpu().toFixed(0)} µs with none of them`,
      ratio: (plain.cpu() / all.cpu()).toFixed(2),
      target: '–',
    },
    {
      what: `(j) get, concurrency ${concurrency}: half, and 99 of 100, are answered within`,
      ours: `${within(all)}, each with its audit line synced`,
      baseline: within(plain),
      ratio: '–',
      target: '–',
    },
  ];
}

function quantile(times: readonly number[] = [], of: number): string {
  const sorted = [...times].sort((a, b) => a - b);
  return `${(sorted[Math.floor(sorted.length * of)] ?? 0).toFixed(1)} ms`;
}

function writeKek(folder: string): void {
  const files = mkdtempSync(join(folder, 'kek-'));
  for (const name of ['mastersecret', 'salt']) writeFileSync(join(files, name), randomBytes(32), { mode: 0o600 });
  renameSync(files, join(folder, 'kek'));
}

/** An auth file with one cluster, and a policy of one tenants' line and rules for others. */
function guardedBy(folder: string, url: string): string[] {
  const [auth, policy] = [join(folder, 'auth.yaml'), join(folder, 'policy.yaml')];
  const cluster = { name: 'cluster', kind: 'service-account', issuer: url, audiences: ['keystead'] };
  writeFileSync(auth, JSON.stringify({ version: 1, authenticators: [cluster] }));
  const rules = Array.from({ length: RULES - 1 }, (_, n) => ({
    name: `rule-${n}`,
    effect: n % 10 === 9 ? 'deny' : 'allow',
    subjects: [{ kind: 'service-account', namespaces: [`other-${n}`] }],
    actions: ['data-key.get'],
    resources: [`shared-${n}/**`],
  }));
  writeFileSync(policy, JSON.stringify({ version: 1, tenants: [{ namespaces: ['team-*'] }], rules }));
  return ['--auth-file', auth, '--policy-file', policy];
}

/** A cluster's issuer on loopback. */
async function openIssuer() {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...publicKey.export({ format: 'jwk' }), kid: '1', alg: 'RS256', use: 'sig' };
  const server = createServer((request, response) => {
    const keys = { keys: [key] };
    const discovery = { issuer: url, jwks_uri: `${url}/keys` };
    response.end(JSON.stringify(request.url === '/keys' ? keys : discovery));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    close: () => server.close(),
    token: (namespace: string) =>
      new SignJWT({ 'kubernetes.io': { namespace, serviceaccount: { name: 'csi' } } })
        .setProtectedHeader({ alg: 'RS256', kid: '1' })
        .setIssuer(url)
        .setAudience('keystead')
        .setSubject(`system:serviceaccount:${namespace}:csi`)
        .setIssuedAt()
        .setExpirationTime('1h')
        .sign(privateKey),
  };
}
