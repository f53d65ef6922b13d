import type { Choice } from './covering.ts';

type Values = { readonly [name: string]: unknown };

const anything = { a: 'b' };
const cloud = (kms: string, storage: string): Values => ({ kek: { from: 'none' }, config: { kms, storage } });
const auth = (authenticator: Values): Values => ({ auth: { version: 1, authenticators: [authenticator] } });

/** Choices that change what the chart renders, with the values of each. */
export const CHOICES: Readonly<Record<string, Readonly<Record<string, Values>>>> = {
  kind: { deployment: { kind: 'Deployment' }, daemonset: { kind: 'DaemonSet' } },
  kek: {
    bootstrap: { kek: { from: 'bootstrap' } },
    mounted: { kek: { from: 'mounted' } },
    byHand: { kek: { from: 'none' }, config: { kek: { fingerprint: '0'.repeat(32) } } },
    aws: cloud('kms://aws?keyName=a', 'storage://aws?bucket=b'),
    gcp: cloud('kms://gcp?projectID=a&location=b&keyRing=c&keyName=d', 'storage://gcp?projectID=a&bucket=b'),
    azure: cloud(
      'kms://azure?vaultName=a&vaultType=vault.azure.net&keyName=b',
      'storage://azure?account=a&container=b',
    ),
  },
  tls: {
    clear: { config: { insecurePlaintext: true } },
    own: { tls: { existingSecret: 'own' } },
    manager: { tls: { certManager: { enabled: true, issuerRef: { name: 'issuer' }, dnsNames: ['a.example'] } } },
    mutual: {
      tls: { existingSecret: 'own', clientCaSecret: 'ca' },
      config: { tls: { clientCertificate: 'optional' } },
    },
  },
  callers: {
    nobody: {},
    admin: { adminToken: { existingSecret: 'admin' }, test: { caller: 'admin' } },
    accounts: {
      ...auth({ name: 'cluster', kind: 'service-account', issuer: 'https://issuer.example', audiences: ['keystead'] }),
      policy: { version: 1, tenants: [{ namespaces: ['team-*'] }] },
      rbac: { tokenReview: true },
    },
    anonymous: { ...auth({ name: 'all', kind: 'anonymous', listeners: ['grpc'] }), test: { caller: 'anonymous' } },
  },
  account: {
    own: { serviceAccount: { annotations: anything } },
    theirs: { serviceAccount: { create: false, name: 'theirs' }, rbac: { create: false } },
  },
  budget: { on: { podDisruptionBudget: { enabled: true } }, off: { podDisruptionBudget: { enabled: false } } },
  scale: {
    fixed: { replicas: 3, preStopSeconds: 0 },
    auto: { autoscaling: { enabled: true }, resources: { limits: { cpu: 1 } } },
  },
  net: {
    open: { networkPolicy: { enabled: false } },
    cluster: { networkPolicy: { enabled: true } },
    narrow: {
      networkPolicy: {
        from: [{ podSelector: { matchLabels: anything } }],
        adminFrom: [{ namespaceSelector: { matchLabels: anything } }],
        extraEgress: [{ to: [{ ipBlock: { cidr: '169.254.169.254/32' } }] }],
      },
    },
  },
  families: {
    one: {},
    both: { listenHost: '[::]', service: { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv6', 'IPv4'] } },
  },
  adminService: { on: { adminService: { enabled: true } }, off: { adminService: { enabled: false } } },
  watching: {
    off: {},
    on: { serviceMonitor: { enabled: true }, prometheusRule: { enabled: true } },
  },
  more: {
    none: { image: { tag: 'v1' } },
    all: {
      image: { digest: `sha256:${'0'.repeat(64)}` },
      imagePullSecrets: [{ name: 'pull' }],
      podAnnotations: anything,
      podLabels: anything,
      nodeSelector: anything,
      tolerations: [{ operator: 'Exists' }],
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 1, preference: { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }] } },
          ],
        },
      },
      priorityClassName: 'high',
      dashboard: { enabled: true },
      extraEnv: [{ name: 'A', value: 'b' }],
      extraVolumes: [{ name: 'more', emptyDir: { medium: 'Memory' } }],
      extraVolumeMounts: [{ name: 'more', mountPath: '/more' }],
      topologySpreadConstraints: [
        { maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule' },
      ],
      service: { annotations: anything },
      adminService: { annotations: anything },
      fullnameOverride: 'other',
    },
  },
};

/** Those of which all combinations are rendered. */
export const ALL = {
  kind: ['deployment', 'daemonset'],
  kek: ['bootstrap', 'mounted', 'byHand', 'aws', 'gcp', 'azure'],
  tls: ['clear', 'own', 'manager'],
  callers: ['admin', 'accounts'],
  net: ['open', 'cluster'],
  scale: ['fixed', 'auto'],
  budget: ['on', 'off'],
  watching: ['off', 'on'],
};

/** What the chart does not refuse, but for a service that nobody can bootstrap, which is never of use. */
export function allowed({ kind, kek, callers, scale, adminService, watching }: Choice): boolean {
  const forNobody = kek === 'byHand' && callers === 'nobody';
  const unscalable = kind === 'daemonset' && scale === 'auto';
  const unscraped = adminService === 'off' && watching === 'on';
  return !(forNobody || unscalable || unscraped);
}

/** The values of the chart for a choice. */
export function valuesOf(choice: Choice): Values {
  return Object.entries(choice).reduce<Values>(
    (sofar, [name, value]) => merged(sofar, CHOICES[name]?.[value] ?? {}),
    {},
  );
}

function merged(a: Values, b: Values): Values {
  const both = Object.entries(b).map(([name, value]) => {
    const former = a[name];
    return [name, isGroup(former) && isGroup(value) ? merged(former, value) : value] as const;
  });
  return { ...a, ...Object.fromEntries(both) };
}

function isGroup(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
