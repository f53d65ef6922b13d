import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { homedir, tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { promisify } from 'node:util';
import { freePorts } from './free-port.ts';

/** What of a tap test is needed here. */
interface Test {
  teardown(fn: () => unknown): unknown;
  plan(n: number, comment?: string): void;
}

/** A Kubernetes API server of one test. */
export interface Cluster {
  /** Its address, which is also the issuer of its tokens. */
  readonly url: string;
  readonly caFile: string;
  /** What is in it, PEM. */
  readonly ca: string;
  /** Of the administrator, for `helm` and `kubectl`. */
  readonly kubeconfig: string;
  /** The key that ServiceAccount tokens are signed with, PEM. */
  readonly signingKey: string;
  /** Where the installed programs are, and what they need in their environment. */
  readonly bin: string;
  readonly toolEnv: NodeJS.ProcessEnv;
  /** Runs one of the installed programs as the administrator, and gives what it wrote; throws where it fails. */
  tool(name: string, args: readonly string[], input?: string): Promise<Output>;
  /** As the administrator. Throws where the status is not 2xx. */
  ask(method: string, path: string, body?: object): Promise<Record<string, unknown>>;
  /** Ends the API server. */
  stop(): Promise<void>;
}

/** What a program wrote. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

const scripts = normalize(join(import.meta.dirname, '..', 'kubernetes'));
const home =
  process.env['KUBE_HOME'] ??
  join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'keystead', 'kubernetes');
const run = promisify(execFile);

/**
 * Starts a real kube-apiserver with etcd for one test, and ends both with it, or with this process.
 * Where they were not built, the test is skipped with the reason and the answer is undefined: return then.
 * With CI=true that is a failure.
 *
 * @param tools programs that the test needs besides.
 */
export async function kubernetes(t: Test, tools: readonly string[] = []): Promise<Cluster | undefined> {
  const missing = ['etcd', 'kube-apiserver', ...tools].find((part) => !existsSync(join(home, 'bin', part)));
  if (missing !== undefined) {
    const reason = `${missing} was not built; npm run test:kubernetes builds it`;
    if (process.env['CI'] === 'true') throw new Error(`CI=true: ${reason}`);
    t.plan(0, reason);
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), 'keystead-kubernetes-'));
  // The issuer of a token holds the port, so that it has to be known before.
  const [api, etcd] = await freePorts(2);
  const env = { ...process.env, KUBE_HOME: home, KUBE_RUN: folder, KUBE_API_PORT: `${api}`, KUBE_ETCD_PORT: `${etcd}` };
  const stop = async () => void (await run(join(scripts, 'stop.sh'), { env }));
  t.teardown(async () => {
    await stop();
    rmSync(folder, { recursive: true, force: true });
  });
  stopWithThisProcess(env);
  const { stdout } = await run(join(scripts, 'start.sh'), { env });
  const said = Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s).slice(0, 2)),
  );
  const url = said['KUBE_API'] as string;
  const read = (name: string) => readFileSync(said[name] as string);
  const identity = { ca: read('KUBE_CA'), cert: read('KUBE_ADMIN_CERT'), key: read('KUBE_ADMIN_KEY') };
  return {
    url,
    caFile: said['KUBE_CA'] as string,
    ca: identity.ca.toString(),
    kubeconfig: said['KUBECONFIG'] as string,
    signingKey: readFileSync(join(folder, 'pki', 'sa.key'), 'utf8'),
    bin: join(home, 'bin'),
    toolEnv: toolEnv(said['KUBECONFIG'] as string, folder),
    tool: (name, args, input) =>
      runTool(join(home, 'bin', name), args, toolEnv(said['KUBECONFIG'] as string, folder), input),
    ask: (method, path, body) => ask(`${url}${path}`, { ...identity, method }, body),
    stop,
  };
}

/** The resource definitions of operators, as YAML. */
export function resourceDefinitions(): string[] {
  const folder = join(home, 'crds');
  return readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
}

/** Nothing of the user's own settings, and nothing left in their home. */
function toolEnv(kubeconfig: string, folder: string): NodeJS.ProcessEnv {
  const at = (name: string) => join(folder, name);
  return {
    PATH: process.env['PATH'],
    HOME: folder,
    KUBECONFIG: kubeconfig,
    HELM_CACHE_HOME: at('helm-cache'),
    HELM_CONFIG_HOME: at('helm-config'),
    HELM_DATA_HOME: at('helm-data'),
  };
}

async function runTool(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input: string | undefined,
): Promise<Output> {
  const promise = run(program, args, { env, maxBuffer: 64 * 1024 * 1024 });
  promise.child.stdin?.end(input ?? '');
  return promise;
}

/** However this process ends: the API server is in a session of its own. */
function stopWithThisProcess(env: NodeJS.ProcessEnv): void {
  const wait = 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; exec "$2"';
  spawn('bash', ['-c', wait, 'guard', `${process.pid}`, join(scripts, 'stop.sh')], {
    env,
    detached: true,
    stdio: 'ignore',
  }).unref();
}

function ask(
  url: string,
  options: { readonly method: string; readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer },
  body: object | undefined,
): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', accept: 'application/json' };
    const sent = request(url, { ...options, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if ((response.statusCode ?? 500) < 300) resolve(JSON.parse(text));
        else reject(new Error(`${options.method} ${url}: ${response.statusCode} ${text}`));
      });
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
