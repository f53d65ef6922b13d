import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { homedir } from 'node:os';
import { join, normalize } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { freePort } from '../support/free-port.ts';

const root = normalize(join(import.meta.dirname, '..', '..'));
const home =
  process.env['IMAGE_HOME'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'keystead', 'image');
const store = ['--root', join(home, 'storage'), '--runroot', join(home, 'run'), '--storage-driver', 'overlay'];
const MIB = 1024 * 1024;
/** Without a daemon and without systemd, whatever the machine has for them. */
const BASES = [
  '--build-arg',
  'NODE_IMAGE=docker.io/library/node:24-slim',
  '--build-arg',
  'RUNTIME_IMAGE=localhost/node-bare:24',
];

const run = promisify(execFile);
const podmanArgs = [...store, '--cgroup-manager', 'cgroupfs', '--runtime', 'runc'];
const podman = async (...args: string[]) =>
  (await run('podman', [...podmanArgs, ...args], { maxBuffer: 64 * MIB })).stdout.trim();
/** What the container has written, to wherever. */
const logs = async (id: string) => {
  const { stdout, stderr } = await run('podman', [...podmanArgs, 'logs', id]);
  return stdout + stderr;
};

// More than the runner gives a file: the first build installs hundreds of packages.
t.setTimeout(1_200_000);

t.test('the container image', { timeout: 1_190_000 }, async (t) => {
  if (!existsSync(join(home, 'stamp'))) {
    const reason = 'what builds images is not installed; test/image/install.sh does it, as root';
    if (process.env['CI'] === 'true') throw new Error(`CI=true: ${reason}`);
    t.plan(0, reason);
    return;
  }
  await t.test('hadolint finds nothing', async (t) => {
    t.equal((await run(join(home, 'venv', 'bin', 'hadolint'), [join(root, 'Dockerfile')])).stdout, '');
  });
  const [plain, aws] = [await build(''), await build('aws')];
  await t.test('holds what is needed and no more', (t) => contents(t, plain, aws));
  await t.test('serves a key, read-only, without rights and without a shell, and drains on SIGTERM', (t) =>
    life(t, plain),
  );
  await t.test('has the SDKs of the clouds that were asked for', (t) => clouds(t, plain, aws));
});

async function build(which: string): Promise<string> {
  const tag = `localhost/keystead:test${which}`;
  const cache = (await run('npm', ['config', 'get', 'cache'])).stdout.trim();
  mkdirSync(cache, { recursive: true });
  const certificates = '/etc/ssl/certs/ca-certificates.crt';
  const mounts = [`${cache}:/root/.npm`, ...(existsSync(certificates) ? [`${certificates}:${certificates}:ro`] : [])];
  const args = [...store, 'bud', '--isolation', 'chroot', '--pull-never', '--layers', '--format', 'docker'];
  const volumes = mounts.flatMap((mount) => ['--volume', mount]);
  await run('buildah', [...args, ...volumes, ...BASES, '--build-arg', `CLOUDS=${which}`, '--tag', tag, root], {
    maxBuffer: 64 * MIB,
  });
  return tag;
}

async function contents(t: Test, plain: string, aws: string): Promise<void> {
  const size = async (image: string) => Number(await podman('image', 'inspect', image, '--format', '{{.Size}}'));
  const own = (await size(plain)) - (await size('localhost/node-bare:24'));
  t.ok(own < 60 * MIB, `${Math.round(own / MIB)} MiB of its own`);
  const { Config: config, Healthcheck } = JSON.parse(await podman('image', 'inspect', plain))[0];
  t.match(
    { ...config, Healthcheck },
    {
      User: '65532:65532',
      Entrypoint: ['node', 'dist/cli/main.js'],
      Cmd: ['serve'],
      Labels: { 'org.opencontainers.image.licenses': 'Apache-2.0' },
      Healthcheck: { Test: ['CMD', 'node', 'dist/cli/main.js', 'status'] },
    },
  );
  const folder = t.testdir();
  const bill = async (image: string) => {
    const id = await podman('create', image);
    const file = join(folder, id);
    mkdirSync(file);
    await podman('cp', `${id}:/app`, file);
    await podman('rm', id);
    const { default: read } = await import(`${file}/app/sbom.cdx.json`, { with: { type: 'json' } });
    return {
      read,
      files: readdirSync(join(file, 'app')).sort(),
      modules: readdirSync(join(file, 'app', 'node_modules')),
    };
  };
  const [without, withAws] = [await bill(plain), await bill(aws)];
  t.same(without.files, ['LICENSE', 'dist', 'node_modules', 'package.json', 'sbom.cdx.json']);
  t.same(without.modules, []);
  const names = ({ read }: typeof without) => read.components.map(({ name }: { name: string }) => name);
  t.match(without.read, { bomFormat: 'CycloneDX', metadata: { component: { name: 'keystead', type: 'application' } } });
  t.ok(
    ['fastify', '@noble/hashes', 'pino'].every((name) => names(without).includes(name)),
    'what is in the bundle',
  );
  for (const name of ['typescript', 'tap', 'esbuild', '@aws-sdk/client-kms'])
    t.notOk(names(without).includes(name), name);
  t.ok(names(withAws).includes('@aws-sdk/client-kms'));
  t.notOk(names(withAws).some((name: string) => name.startsWith('@azure/') || name.startsWith('@google-cloud/')));
}

/** As the chart has it, but for the network, which is the machine's. */
async function container(
  t: Test,
  image: string,
  folder: string,
  port: number,
  args: readonly string[],
): Promise<string> {
  const listen = `127.0.0.1:${port}`;
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096', '--memory', '256m'];
  const rights = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
  const env = { KEYSTEAD_HTTP_LISTEN: listen, KEYSTEAD_SERVER: `http://${listen}`, KEYSTEAD_GRPC_LISTEN: 'off' };
  const envs = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  const id = await podman(
    'run',
    '--detach',
    '--network',
    'host',
    ...limits,
    ...rights,
    ...envs,
    '--volume',
    `${folder}:/given:ro`,
    image,
    ...args,
  );
  t.teardown(() => podman('rm', '--force', '--time', '0', id));
  return id;
}

async function life(t: Test, image: string): Promise<void> {
  const folder = t.testdir({
    kek: { mastersecret: 'm'.repeat(32), salt: 's'.repeat(32) },
    token: 'an administrator’s token',
  });
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, 'token'), 'a-token-of-an-administrator');
  const port = await freePort();
  const id = await container(t, image, folder, port, [
    'serve',
    '--kek-dir',
    '/given/kek',
    '--admin-token-file',
    '/given/token',
  ]);
  await until(
    async () => (await logs(id)).includes('"msg":"ready"'),
    () => logs(id),
  );
  const get = async () => {
    const headers = { authorization: 'Bearer a-token-of-an-administrator' };
    const answer = await fetch(`http://127.0.0.1:${port}/v1/data-keys/volume-1/get`, { method: 'POST', headers });
    return { status: answer.status, body: (await answer.json()) as { dataKey: string } };
  };
  const first = await get();
  t.match(first, { status: 200, body: { dataKey: /^[A-Za-z0-9+/]{43}=$/ } });
  t.same((await get()).body.dataKey, first.body.dataKey);

  t.match(await podman('exec', id, 'node', '--print', 'process.getuid() + " " + process.ppid'), /^65532 /);
  await t.rejects(podman('exec', id, 'sh', '-c', 'true'), 'there is no shell');
  await t.rejects(podman('exec', id, 'node', '--eval', 'require("node:fs").writeFileSync("/app/x", "")'), /EROFS/);
  await podman('healthcheck', 'run', id);

  const half = await halfRequest(t, port);
  const stopping = podman('stop', '--time', '30', id);
  await until(
    async () => (await logs(id)).includes('"msg":"closing"'),
    () => logs(id),
  );
  t.match(await half.finish(), /^HTTP\/1\.1 200 /, 'a call that had begun is answered');
  await stopping;
  t.equal(await podman('inspect', id, '--format', '{{.State.ExitCode}}'), '0');
}

async function clouds(t: Test, plain: string, aws: string): Promise<void> {
  const uris = [
    '--kms',
    'kms://aws?keyName=alias/a&region=eu-west-1&endpoint=http://127.0.0.1:9&accessKeyID=a&accessKey=b',
  ];
  const serve = (image: string, port: number) =>
    container(t, image, t.testdir(), port, ['serve', ...uris, '--storage', 'storage://memory']);
  const port = await freePort();
  const without = await serve(plain, port);
  t.equal(await podman('wait', without), '69');
  t.match(await logs(without), /sdk-not-installed/);
  const id = await serve(aws, port);
  // The KMS is away, which may pass: it serves.
  await until(
    async () => (await logs(id)).includes('"msg":"ready"'),
    () => logs(id),
  );
}

/** A call whose body is not there yet. */
async function halfRequest(t: Test, port: number): Promise<{ finish(): Promise<string> }> {
  const socket = connect(port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  const head =
    'POST /v1/data-keys/volume-1/get HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a-token-of-an-administrator\r\n';
  socket.write(`${head}Content-Type: application/json\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{"leng`);
  let answer = '';
  socket.on('data', (chunk) => (answer += chunk));
  await sleep(0);
  return {
    async finish() {
      socket.end('th":32}');
      await new Promise((resolve) => socket.once('close', resolve));
      return answer;
    },
  };
}

async function until(found: () => Promise<boolean>, tell: () => Promise<string>): Promise<void> {
  for (const end = Date.now() + 60_000; !(await found()); await sleep(100)) {
    if (Date.now() > end) throw new Error(`it did not come:\n${await tell()}`);
  }
}
