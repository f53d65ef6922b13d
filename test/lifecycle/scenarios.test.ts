import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { keyAdmin, unique } from '../providers/aws/aws.ts';
import { emulators } from '../support/emulators.ts';

interface Call {
  readonly action: string;
  readonly params: Record<string, unknown>;
}
interface Step {
  readonly calls?: readonly Call[];
  readonly error?: string;
  readonly state?: string;
}
interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly definition: { aws_resource: { custom_config: { key_name?: string } } };
  readonly seed?: { kms: { description: string; tags: Record<string, string>; state: string }[] };
  readonly steps: readonly object[];
  readonly expect: { readonly steps: readonly Step[] };
}

const REGION = 'ap-southeast-3';
const { scenarios } = JSON.parse(
  readFileSync(new URL('../vectors/lifecycle/scenarios.json', import.meta.url), 'utf8'),
) as { scenarios: Scenario[] };
const writes = (calls: readonly Call[] = []) => calls.filter(({ action }) => !/^(List|Describe|Get)/.test(action));

t.test('the scenarios give what they gave, by the same calls that change something, and no more calls', async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  t.equal(scenarios.length, 8);
  for (const scenario of scenarios) {
    await t.test(`${scenario.id}: ${scenario.title}`, (t) => play(t, scenario, env));
  }
});

async function play(t: Test, scenario: Scenario, env: Record<string, string>): Promise<void> {
  const name = unique('app-key');
  const ids: string[] = [];
  const admin = keyAdmin(t, env, REGION);
  for (const { description, tags, state } of scenario.seed?.kms ?? []) {
    const Tags = Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue }));
    const { id } = await admin.create({ Description: description, Tags });
    await admin.alias(`alias/${name}`, id);
    if (state === 'Disabled') await admin.disable(id);
    ids.push(id);
  }
  const { url, calls } = await recorder(t, env['AWS_ENDPOINT_URL'] ?? '');
  const ask = driver(t, url);
  await ask({ op: 'start' });
  const definition = JSON.parse(JSON.stringify(scenario.definition).replace('"app-key"', JSON.stringify(name)));
  let total = 0;
  for (const [at, step] of scenario.steps.entries()) {
    const expected = scenario.expect.steps[at];
    const answer = await ask('op' in step && step.op === 'new' ? { ...step, definition } : step);
    const made = calls.splice(0);
    if (expected?.error !== undefined) {
      t.type(answer['error'], 'string');
      continue;
    }
    t.equal(answer['error'], undefined, `step ${at}`, answer);
    if (expected?.state !== undefined) t.equal(answer['state'], expected.state);
    const text = JSON.stringify(writes(made)).replaceAll(name, 'app-key');
    for (const id of text.match(/[0-9a-f]{8}-[0-9a-f-]{27}/g) ?? []) if (!ids.includes(id)) ids.push(id);
    const renamed = ids.reduce((all, id, n) => all.replaceAll(id, `key-${n + 1}`), text);
    t.same(JSON.parse(renamed.replace(',"PendingWindowInDays":30', '')), writes(expected?.calls), `step ${at}`);
    total += made.length;
  }
  const before = scenario.expect.steps.reduce((sum, { calls = [] }) => sum + calls.length, 0);
  t.ok(total <= before, `${total} calls, where there were ${before}`);
}

/** Lets every call through, and notes it. */
async function recorder(t: Test, to: string): Promise<{ url: string; calls: Call[] }> {
  const calls: Call[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const action = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    calls.push({ action, params: JSON.parse(body.toString() || '{}') });
    const { host: _host, connection: _connection, 'content-length': _length, ...headers } = request.headers;
    const answer = await fetch(to, { method: 'POST', body, headers: headers as Record<string, string> });
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    response.end(Buffer.from(await answer.arrayBuffer()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls };
}

/** The driver, line by line. */
function driver(t: Test, endpoint: string): (question: object) => Promise<Record<string, unknown>> {
  const child = spawn(process.execPath, [new URL('../drivers/lifecycle.ts', import.meta.url).pathname], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...process.env,
      AWS_ENDPOINT_URL: endpoint,
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
      AWS_REGION: REGION,
      AWS_EC2_METADATA_DISABLED: 'true',
    },
  });
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const tell = (line: object) => child.stdin.write(`${JSON.stringify(line)}\n`);
  return async (question) => {
    tell(question);
    for (;;) {
      const { value } = await lines.next();
      const answer = JSON.parse(value ?? '{"error":"gone"}') as Record<string, unknown>;
      if (!('waiting' in answer)) return answer;
      tell({ go: true });
    }
  };
}
