import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { KNOWN_KEK, listen, openApp, TOKEN, withToken } from '../server/http/support.ts';
import { pythonWith } from '../support/python-with.ts';

const run = promisify(execFile);

const VERSION = '4.32.5';
const SEED = '1';
const EXAMPLES = '10';
const root = join(import.meta.dirname, '..', '..');

const ALL_PHASES = 'examples,coverage,fuzzing,stateful';

/**
 * What it reports; empty when it finds nothing.
 *
 * @param where.cwd where it looks for its settings, and leaves its cache. @param where.headers sent with each request.
 */
async function findings(
  python: string,
  url: string,
  where: { cwd: string; phases: string; headers?: readonly string[] },
): Promise<string> {
  const { cwd, phases, headers = [] } = where;
  const extent = ['--checks', 'all', '--mode', 'all', '--phases', phases, '--max-examples', EXAMPLES, '--seed', SEED];
  const command = ['-m', 'schemathesis.cli', 'run', url, ...extent, '--continue-on-failure', '--no-color'];
  command.push(...headers.flatMap((header) => ['--header', header]));
  try {
    await run(python, command, { cwd, maxBuffer: 64 * 1024 * 1024 });
    return '';
  } catch (error) {
    return String((error as { stdout?: string }).stdout || error);
  }
}

// The runner's own limit still holds.
t.setTimeout(0);
const timeout = 110_000;

async function opened(t: Test, mode: 'derive' | 'wrap'): Promise<string> {
  const kms = mode === 'wrap' ? `${KNOWN_KEK.kms}&mode=wrap` : KNOWN_KEK.kms;
  return `http://127.0.0.1:${await listen((await openApp(t, { config: { kms } })).app)}/openapi.json`;
}

for (const mode of ['derive', 'wrap'] as const) {
  t.test(`schemathesis finds nothing in a service that ${mode}s, with all its checks`, { timeout }, async (t) => {
    const python = await pythonWith(t, `schemathesis==${VERSION}`);
    if (python === undefined) return;
    t.equal(await findings(python, await opened(t, mode), { cwd: root, phases: ALL_PHASES }), '');
  });
}

t.test('without settings it takes two promised refusals for findings, and nothing else', { timeout }, async (t) => {
  const python = await pythonWith(t, `schemathesis==${VERSION}`);
  if (python === undefined) return;
  // Settings are looked for in the folders above as well.
  const cwd = await mkdtemp(join(tmpdir(), 'keystead-schemathesis-'));
  t.teardown(() => rm(cwd, { recursive: true }));
  const found = await findings(python, await opened(t, 'wrap'), { cwd, phases: 'examples,coverage' });
  // Under a heading for each operation, the status of each answer that it minds.
  const lines = found.match(/(?<=^_+ )[A-Z]+ \/.*(?= _+$)|^\[\d{3}\]/gm);
  t.same(lines, ['DELETE /v1/data-keys/{id}', '[412]', 'POST /v1/data-keys/{id}/get', '[412]']);
});

/** A service that knows an administrator and a caller whom the policy gives a few keys, and nobody else. */
async function guarded(t: Test) {
  const token = 'kst_caller-caller-caller-caller-caller-cal';
  const dir = t.testdir({
    'auth.yaml': JSON.stringify({
      version: 1,
      authenticators: [{ name: 'tokens', kind: 'token', tokens: [{ name: 'ci', sha256: hash('sha256', token) }] }],
    }),
    'policy.yaml': JSON.stringify({
      version: 1,
      rules: [
        {
          name: 'ci',
          effect: 'allow',
          subjects: [{ kind: 'token', names: ['ci'] }],
          actions: ['data-key.get', 'data-key.create', 'data-key.describe'],
          resources: ['0*', 'volume-*'],
        },
      ],
    }),
  });
  const files = { auth: { file: join(dir, 'auth.yaml') }, policy: { file: join(dir, 'policy.yaml') } };
  // What is made up may be wrong as often as it likes.
  const limits = { failedLogins: 0, requestsPerPrincipal: 0, requestsPerSource: 0 };
  const kms = `${KNOWN_KEK.kms}&mode=wrap`;
  const { app } = await openApp(t, { config: { kms, ...withToken(t), ...files, limits } });
  return { url: `http://127.0.0.1:${await listen(app)}`, token, app };
}

for (const who of ['the administrator', 'a caller with few rights'] as const) {
  t.test(`schemathesis finds nothing as ${who}, with a policy in force`, { timeout }, async (t) => {
    const python = await pythonWith(t, `schemathesis==${VERSION}`);
    if (python === undefined) return;
    const { url, token } = await guarded(t);
    const headers = [`Authorization: Bearer ${who === 'the administrator' ? TOKEN : token}`];
    const found = await findings(python, `${url}/openapi.json`, {
      cwd: root,
      phases: 'examples,coverage,fuzzing',
      headers,
    });
    t.equal(found, '');
  });
}

t.test('without credentials schemathesis gets nothing but what is open to all', { timeout }, async (t) => {
  const { url, app } = await guarded(t);
  const open: string[] = [];
  const seen = new Set<number>();
  app.server.on('request', (request, response) => {
    response.on('close', () => {
      const path = String(request.url).replace(/\?.*$/s, '');
      seen.add(response.statusCode);
      if (response.statusCode < 400) open.push(path);
    });
  });
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, unknown>>;
  };
  const OPEN = ['/livez', '/metrics', '/openapi.json', '/readyz', '/v1/system/status'];
  for (const [path, operations] of Object.entries(paths)) {
    for (const method of Object.keys(operations).filter((name) => ['get', 'post', 'delete', 'put'].includes(name))) {
      const target = `${url}${path.replaceAll(/\{\w+\}/g, 'volume-1')}`;
      for (const headers of [{}, { authorization: 'Bearer made-up' }]) {
        const { status } = await fetch(target, { method: method.toUpperCase(), headers });
        const wanted = OPEN.includes(path) ? [200, 503] : [401];
        t.ok(wanted.includes(status), `${method} ${path}: ${status}`);
      }
    }
  }
  const python = await pythonWith(t, `schemathesis==${VERSION}`);
  if (python === undefined) return;
  await findings(python, `${url}/openapi.json`, { cwd: root, phases: 'examples,coverage,fuzzing' });
  t.same([...new Set(open)].sort(), OPEN, 'nothing else was answered with success');
  t.ok(seen.has(401) && !seen.has(403), `nobody was known: ${[...seen].sort()}`);
});
