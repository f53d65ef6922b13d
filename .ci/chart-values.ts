import { authJsonSchema } from '../src/auth/schema.ts';
import { ConfigSchema } from '../src/config/schema.ts';
import { policyJsonSchema } from '../src/policy/schema.ts';

type Schema = Readonly<Record<string, unknown>>;
interface GroupSchema extends Schema {
  readonly properties: Readonly<Record<string, GroupSchema>>;
}

/** What the templates set themselves. */
const OWN = [
  'kek.dir',
  'kek.secret',
  'kubernetes.url',
  'kubernetes.caFile',
  'kubernetes.tokenFile',
  'http.listen',
  'grpc.listen',
  'dev',
  'admin.listen',
  'admin.tokenFile',
  'auth.file',
  'policy.file',
  'tls.certFile',
  'tls.keyFile',
  'tls.clientCaFile',
];

const text = { type: 'string' };
const name = { type: 'string', pattern: '^$|^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$' };
const flag = { type: 'boolean' };
const count = { type: 'integer', minimum: 0 };
const port = { type: 'integer', minimum: 1, maximum: 65_535 };
const texts = { type: 'object', additionalProperties: text };
const any = { type: 'object' };
const list = { type: 'array' };
const oneOf = (...values: string[]) => ({ enum: values });
const group = (properties: Readonly<Record<string, object>>) => ({
  type: 'object',
  properties,
  additionalProperties: false,
});

/** The JSON schema of the values of the chart; what the service knows comes from its own schemas. */
export function valuesSchema(): object {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the Keystead chart',
    ...group({
      global: any,
      image: group({
        repository: text,
        tag: text,
        digest: { type: 'string', pattern: '^$|^sha256:[0-9a-f]{64}$' },
        pullPolicy: oneOf('Always', 'IfNotPresent', 'Never'),
      }),
      imagePullSecrets: list,
      nameOverride: name,
      fullnameOverride: name,
      kind: oneOf('Deployment', 'DaemonSet'),
      replicas: count,
      kek: group({ from: oneOf('bootstrap', 'mounted', 'none'), secretName: { ...name, minLength: 1 } }),
      listenHost: { ...text, minLength: 1 },
      config: configSchema(),
      auth: empty(embedded(authJsonSchema())),
      policy: empty(embedded(policyJsonSchema())),
      adminToken: group({ existingSecret: name, key: { ...text, minLength: 1 } }),
      tls: group({
        existingSecret: name,
        certManager: group({ enabled: flag, issuerRef: any, duration: text, renewBefore: text, dnsNames: list }),
        clientCaSecret: name,
      }),
      serviceAccount: group({ create: flag, name, annotations: texts }),
      rbac: group({ create: flag, tokenReview: flag }),
      service: group({
        type: oneOf('ClusterIP', 'NodePort', 'LoadBalancer'),
        annotations: texts,
        httpPort: port,
        grpcPort: port,
        ipFamilyPolicy: oneOf('', 'SingleStack', 'PreferDualStack', 'RequireDualStack'),
        ipFamilies: { type: 'array', items: oneOf('IPv4', 'IPv6'), maxItems: 2, uniqueItems: true },
      }),
      adminService: group({ enabled: flag, annotations: texts }),
      networkPolicy: group({ enabled: flag, from: list, adminFrom: list, extraEgress: list }),
      podDisruptionBudget: group({ enabled: flag, maxUnavailable: { type: ['integer', 'string'] } }),
      autoscaling: group({
        enabled: flag,
        minReplicas: count,
        maxReplicas: count,
        targetCPUUtilizationPercentage: { type: 'integer', minimum: 1, maximum: 100 },
      }),
      resources: any,
      updateStrategy: any,
      preStopSeconds: count,
      terminationGracePeriodSeconds: count,
      podAnnotations: texts,
      podLabels: texts,
      nodeSelector: texts,
      tolerations: list,
      affinity: any,
      topologySpreadConstraints: { type: ['array', 'null'] },
      priorityClassName: text,
      extraEnv: list,
      extraVolumes: list,
      extraVolumeMounts: list,
      serviceMonitor: group({ enabled: flag, interval: text, labels: texts }),
      prometheusRule: group({ enabled: flag, labels: texts }),
      dashboard: group({ enabled: flag, labels: texts }),
      test: group({
        caller: oneOf('service-account', 'admin', 'anonymous'),
        audience: { ...text, minLength: 1 },
        dataKeyId: text,
      }),
    }),
  };
}

/** Of a file that there need not be. */
function empty(schema: object): object {
  return { anyOf: [{ type: 'object', maxProperties: 0 }, schema] };
}

/** Without what only a document of its own has. */
function embedded(schema: object): object {
  const { $schema: _schema, $id: _id, ...rest } = schema as Schema;
  return rest;
}

/** The configuration without what the chart sets; every setting may be left out. */
function configSchema(): object {
  const config = JSON.parse(JSON.stringify(ConfigSchema, (key, value) => (key === 'x-holds' ? undefined : value)));
  return optional(config as GroupSchema, '');
}

function optional({ required: _required, ...schema }: GroupSchema, above: string): object {
  const properties = Object.entries(schema.properties)
    .filter(([name]) => !OWN.includes(`${above}${name}`))
    .map(([name, one]) => [name, one.properties === undefined ? one : optional(one, `${above}${name}.`)] as const)
    .filter(([, one]) => !('properties' in one) || Object.keys(one.properties as object).length > 0);
  return { ...schema, properties: Object.fromEntries(properties) };
}
