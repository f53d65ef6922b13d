import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type CliService, ROOT, startCli } from '../../support/cli-service.ts';
import type { Cluster } from '../../support/kubernetes.ts';

const run = promisify(execFile);

type Test = { teardown(fn: () => unknown): void };

/** As much of a Pod as starting its one container takes. */
interface PodSpec {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken?: boolean;
  readonly containers: readonly {
    readonly args: readonly string[];
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  }[];
  readonly volumes: readonly Volume[];
}

interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string; readonly items?: readonly { key: string; path: string }[] };
  readonly projected?: { readonly sources: readonly { serviceAccountToken: { audience: string; path: string } }[] };
  readonly emptyDir?: object;
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Does for one Pod of a workload what the kubelet does: mounts what its volumes name, brings a token of its account,
 * starts its container with its arguments. It is a process, so the paths lie in a folder of its own, and it listens on
 * loopback, on any free port.
 */
export async function runPod(
  t: Test,
  cluster: Cluster,
  workload: string,
  env: NodeJS.ProcessEnv = {},
): Promise<CliService> {
  const { metadata, spec } = (await cluster.ask('GET', workload)) as {
    metadata: { namespace: string };
    spec: { template: { spec: PodSpec } };
  };
  const { root, args } = await mounted(t, cluster, metadata.namespace, spec.template.spec);
  return startCli(t, args, {
    env: {
      KEYSTEAD_KUBERNETES_URL: cluster.url,
      KEYSTEAD_KUBERNETES_CA_FILE: join(root, ACCOUNT, 'ca.crt'),
      KEYSTEAD_KUBERNETES_TOKEN_FILE: join(root, ACCOUNT, 'token'),
      ...env,
    },
  });
}

/** The same for a Pod that comes to an end. @returns what it wrote. */
export async function runToEnd(
  t: Test,
  cluster: Cluster,
  namespace: string,
  pod: PodSpec,
  names: (text: string) => string,
): Promise<string> {
  const { args } = await mounted(t, cluster, namespace, pod);
  const { stdout, stderr } = await run(process.execPath, [join(ROOT, 'src', 'cli', 'main.ts'), ...args.map(names)], {
    env: {},
  });
  return stdout + stderr;
}

/** Mounts the volumes of a Pod. @returns the folder that is its root, and its arguments with the paths there. */
async function mounted(t: Test, cluster: Cluster, namespace: string, pod: PodSpec) {
  const root = mkdtempSync(join(tmpdir(), 'keystead-pod-'));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const [container] = pod.containers;
  if (container === undefined) throw new Error('the Pod has no container');
  const paths = [ACCOUNT, ...container.volumeMounts.map(({ mountPath }) => mountPath)];
  const placed = (text: string) =>
    paths
      .reduce((all, path) => all.replaceAll(new RegExp(`(?<![\\w/])${path}(?=/|$)`, 'gm'), join(root, path)), text)
      // What the DNS of the cluster says.
      .replaceAll(/https:\/\/kubernetes\.default\.svc(?![.\w])/g, cluster.url)
      .replaceAll(/0\.0\.0\.0:(8080|8081|9000)/g, '127.0.0.1:0');
  const write = (path: string, content: string | Uint8Array) => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content, { mode: 0o440 });
  };
  for (const { name, mountPath } of container.volumeMounts) {
    mkdirSync(join(root, mountPath), { recursive: true });
    const volume = pod.volumes.find((one) => one.name === name);
    for (const [file, bytes] of await entriesOf(cluster, namespace, pod, volume)) {
      write(join(mountPath, file), volume?.configMap === undefined ? bytes : placed(bytes.toString()));
    }
  }
  if (pod.automountServiceAccountToken === true) {
    write(join(ACCOUNT, 'token'), await accountToken(cluster, namespace, pod.serviceAccountName));
    write(join(ACCOUNT, 'ca.crt'), cluster.ca);
  }
  return { root, args: container.args.map(placed) };
}

async function entriesOf(
  cluster: Cluster,
  namespace: string,
  pod: PodSpec,
  volume: Volume | undefined,
): Promise<[string, Buffer][]> {
  const { configMap, secret, projected } = volume ?? {};
  if (configMap !== undefined) {
    const { data } = (await cluster.ask('GET', `/api/v1/namespaces/${namespace}/configmaps/${configMap.name}`)) as {
      data: Record<string, string>;
    };
    return Object.entries(data).map(([name, text]) => [name, Buffer.from(text)]);
  }
  if (projected !== undefined) {
    const tokens = projected.sources.map(async ({ serviceAccountToken: { audience, path } }) => {
      const token = await accountToken(cluster, namespace, pod.serviceAccountName, [audience]);
      return [path, Buffer.from(token)] as [string, Buffer];
    });
    return Promise.all(tokens);
  }
  if (secret === undefined) return [];
  const { data } = (await cluster.ask('GET', `/api/v1/namespaces/${namespace}/secrets/${secret.secretName}`)) as {
    data: Record<string, string>;
  };
  const items = secret.items ?? Object.keys(data).map((key) => ({ key, path: key }));
  return items.map(({ key, path }) => [path, Buffer.from(data[key] ?? '', 'base64')]);
}

/** A token for an account, as the kubelet brings it: for the API server, or for whom it is asked for. */
export async function accountToken(
  cluster: Cluster,
  namespace: string,
  account: string,
  audiences?: string[],
): Promise<string> {
  const spec = { expirationSeconds: 600, ...(audiences === undefined ? {} : { audiences }) };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  return ((await cluster.ask('POST', path, body))['status'] as { token: string }).token;
}
