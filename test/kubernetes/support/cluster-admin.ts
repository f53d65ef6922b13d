import type { Cluster } from '../../support/kubernetes.ts';
import { askOver } from './ask.ts';
import { accountToken } from './kubelet.ts';
import { until } from './until.ts';

/**
 * Makes an account of a namespace an administrator of the cluster.
 *
 * @returns a token of it, with which it may do everything: the API server takes a binding a moment before it obeys it.
 */
export async function clusterAdmin(cluster: Cluster, namespace: string, name: string): Promise<string> {
  await cluster.ask('POST', `/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
  await cluster.ask('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', {
    metadata: { name: `${namespace}-${name}` },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [{ kind: 'ServiceAccount', name, namespace }],
  });
  const token = await accountToken(cluster, namespace, name);
  const secrets = `${cluster.url}/api/v1/namespaces/${namespace}/secrets`;
  await until(async () => (await askOver(secrets, cluster.ca, { token })).status === 200);
  return token;
}
