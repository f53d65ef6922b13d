/**
 * Keeps the emulators of one checkout for all test processes that run at once; test/support/emulators.ts starts it.
 *
 * Promises: at most one keeper for a checkout, because it listens on a port that follows from the checkout's path; the
 * emulators live while a test process is connected or the test runner that it named is alive, and no longer, however
 * those end: a connection closes with its process. Should the keeper itself be killed, the next one stops what it left.
 *
 * A client gets a line of greeting once the keeper is ready, sends one line `{"runner": PID?, "start": [NAME…]}`, gets
 * one line back (`{"env": …}`, `{"missing": TEXT}` or `{"failed": TEXT}`), and stays connected for as long as it needs them.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { candidateBases, connectToKeeper, emulatorsFolder, GREETING } from './emulator-slots.ts';

interface Request {
  readonly runner?: number;
  readonly start: readonly string[];
}

const NOT_INSTALLED = 3;
/** For a keeper that nobody ever asks. */
const FIRST_CALL_MS = 30_000;
const RUNNER_POLL_MS = 200;

const leases = new Set<Socket>();
const runners = new Set<number>();
let queue: Promise<unknown> = Promise.resolve();
const startedAt = Date.now();
let asked = false;
let ready = false;
let closing = false;

function environment(base: number): NodeJS.ProcessEnv {
  return { ...process.env, EMULATORS_PORT_BASE: String(base), EMULATORS_FORMAT: 'lines' };
}

async function script(base: number, command: string): Promise<{ status: number; stdout: string; stderr: string }> {
  const child = spawn('bash', ['-c', command], {
    cwd: emulatorsFolder,
    env: environment(base),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) => stream.setEncoding('utf8').toArray());
  const [status] = await once(child, 'exit');
  return { status: status ?? -1, stdout: ((await stdout) ?? []).join(''), stderr: ((await stderr) ?? []).join('') };
}

/** Takes the port that makes this keeper the only one; undefined where something else has it. */
async function listen(port: number): Promise<Server | undefined> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  return once(server, 'listening').then(
    () => server,
    () => undefined,
  );
}

async function allFree(base: number): Promise<boolean> {
  const { stdout } = await script(base, 'source ./lib.sh; ports');
  for (const port of stdout.trim().split('\n')) {
    const server = await listen(Number(port));
    if (server === undefined) return false;
    await new Promise((resolve) => server.close(resolve));
  }
  return true;
}

async function start(base: number, names: readonly string[]): Promise<object> {
  const { status, stdout, stderr } = await script(base, `./start.sh ${names.map((name) => `'${name}'`).join(' ')}`);
  process.stderr.write(stderr);
  if (status === NOT_INSTALLED) return { missing: stderr.trim() };
  if (status !== 0) return { failed: stderr.trim() || `start.sh ended with status ${status}` };
  const pairs = stdout
    .trim()
    .split('\n')
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]);
  return { env: Object.fromEntries(pairs) };
}

function serve(base: number, socket: Socket): void {
  // While it closes, whoever connects is sent away and comes again when the port is free.
  if (closing) return void socket.destroy();
  leases.add(socket);
  socket.on('error', () => {});
  socket.on('close', () => {
    leases.delete(socket);
    endIfUnused(base);
  });
  if (ready) socket.write(GREETING);
  const lines = createInterface({ input: socket });
  lines.on('error', () => {}); // as the socket's: a test that was killed resets its connection
  lines.on('line', (line) => {
    const request: Request = JSON.parse(line);
    asked = true;
    if (request.runner !== undefined) runners.add(request.runner);
    queue = queue.then(async () => {
      const answer = await start(base, request.start);
      if (!socket.destroyed) socket.write(`${JSON.stringify(answer)}\n`);
    });
  });
}

function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function endIfUnused(base: number): void {
  if (!asked && Date.now() - startedAt < FIRST_CALL_MS) return;
  for (const pid of runners) if (!alive(pid)) runners.delete(pid);
  if (closing || leases.size > 0 || runners.size > 0) return;
  closing = true;
  // The port is held until everything has stopped, so that no second keeper starts what this one is stopping.
  void queue.then(() => script(base, './stop.sh')).then(() => process.exit(0));
}

async function keep(): Promise<void> {
  for (const base of candidateBases()) {
    const server = await listen(base);
    if (server === undefined) {
      if ((await connectToKeeper(base)) !== undefined) process.exit(0);
      continue;
    }
    server.on('connection', (socket) => serve(base, socket));
    await script(base, './stop.sh');
    if (!(await allFree(base))) {
      for (const socket of leases) socket.destroy();
      server.close();
      continue;
    }
    ready = true;
    for (const socket of leases) socket.write(GREETING);
    process.once('exit', () => {
      if (!closing) spawnSync('bash', ['./stop.sh'], { cwd: emulatorsFolder, env: environment(base) });
    });
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));
    setInterval(() => endIfUnused(base), RUNNER_POLL_MS);
    return;
  }
  process.stderr.write(`no free ports for the emulators in ${emulatorsFolder}\n`);
  process.exit(1);
}

await keep();
