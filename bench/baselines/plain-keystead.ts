import type { AddressInfo } from 'node:net';
import { loadConfig } from '../../src/config/load.ts';
import { readSmallFile } from '../../src/config/read-small-file.ts';
import { RateLimits } from '../../src/core/rate-limits.ts';
import { buildApp } from '../../src/server/http/app.ts';
import { openMetrics } from '../../src/telemetry/metrics.ts';
import { openServices } from '../../src/wiring.ts';

// The service's own routes with nobody to be known, no policy, no audit trail and no metrics. Callers are counted, as everywhere but in development.
const [dir] = process.argv.slice(2);
const nothing = () => {};
const defaults = loadConfig({ flags: {}, env: {}, readFile: () => new Uint8Array() });
const config = { ...defaults, dev: true, kek: { ...defaults.kek, dir: dir as string } };
const clock = { now: () => new Date(), sleep: () => new Promise<void>(nothing) };
const opened = await openServices(config, {
  clock,
  random: { bytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)) },
  audit: { write: async () => {}, close: async () => {} },
  metrics: { ...openMetrics(), request: nothing, failure: nothing, decision: nothing, dataKey: nothing },
  version: 'bench',
  readFile: readSmallFile,
});
const { requestsPerPrincipal: principal, requestsPerSource: source } = config.limits;
const services = { ...opened, rateLimits: new RateLimits({ principal, source }, clock) };
const app = await buildApp({ services, config, log: false });
await app.listen({ host: '127.0.0.1', port: 0 });
const { port } = app.server.address() as AddressInfo;
process.stderr.write(`${JSON.stringify({ msg: 'ready', http: `http://127.0.0.1:${port}`, grpc: 'off' })}\n`);
process.once('SIGTERM', () => process.exit(0));
