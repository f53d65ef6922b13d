// The key service inside another program: the same rooms, policy and audit trail as `keystead serve` has, asked over HTTP.
import { readFileSync } from 'node:fs';
import { buildApp, loadConfig, openServices, systemAmbient } from 'keystead';

const config = loadConfig({ flags: { dev: true }, env: {}, readFile: readFileSync });
const ambient = await systemAmbient({ audit: config.audit, stdout: process.stderr, env: process.env });
const services = await openServices(config, ambient);
const app = await buildApp({ services, config, log: false });
try {
  const address = await app.listen({ host: '127.0.0.1', port: 0 });
  const get = async () => {
    const answer = await fetch(`${address}/v1/data-keys/my-disk/get`, { method: 'POST' });
    return (await answer.json()) as { readonly dataKey: string; readonly length: number };
  };
  const [first, second] = [await get(), await get()];
  process.stdout.write(`${first.length} bytes, the same again: ${first.dataKey === second.dataKey}\n`);
} finally {
  await app.close();
  await services.close();
}
