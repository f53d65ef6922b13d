import type { Call } from '../../core/call.ts';
import { fromBase64, toBase64 } from '../../core/encoding.ts';
import { KeysteadError, type Reason } from '../../core/errors.ts';
import type { ParameterStore, StoreChange } from '../../core/parameters.ts';
import { SecretBytes } from '../../core/secret-bytes.ts';
import { uriWithoutCredentials } from '../../core/uri.ts';
import type { ParametersUriOf } from '../../core/uri-schemas.ts';
import { within } from '../../core/within.ts';
import { type KubernetesApi, kubernetesApi } from './api.ts';

const REASON: Reason = 'store-unreachable';
const TIMEOUT_MS = 20_000;
/** All keys of a Secret are one object: many changes are one write. */
const BATCH = 10_000;
/** A Secret of 1 MiB is a third more in base64, and has its own metadata. */
const MAX_ANSWER = 4 * 1024 * 1024;
/** In a pod. */
const SERVER = 'https://kubernetes.default.svc';
const FILES = '/var/run/secrets/kubernetes.io/serviceaccount';

interface SecretObject {
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
}

/**
 * Opens a Kubernetes Secret as a place for parameters: each is a key of it, `/` in its name written as `.`. Keeps values
 * alone. Makes no call. Needs the verbs `get`, `update` and, where it is not there, `create` for the Secret.
 */
export async function openSecretParameters(
  uri: ParametersUriOf<'kubernetes'>,
  deps: { readFile(path: string, max: number): Promise<Buffer>; readonly timeoutMs?: number },
): Promise<ParameterStore> {
  const inPod = uri.server === undefined;
  const caFile = uri.caFile ?? (inPod ? `${FILES}/ca.crt` : undefined);
  const tokenFile = uri.tokenFile ?? (inPod ? `${FILES}/token` : undefined);
  const timeoutMs = deps.timeoutMs ?? TIMEOUT_MS;
  const { readFile } = deps;
  const api = kubernetesApi({
    url: uri.server ?? SERVER,
    caFile,
    tokenFile,
    timeoutMs,
    maxBytes: MAX_ANSWER,
    readFile,
  });
  return secretParameters(api, uri.namespace, uri.secret, uriWithoutCredentials(uri));
}

function secretParameters(api: KubernetesApi, namespace: string, secret: string, uri: string): ParameterStore {
  const all = `/api/v1/namespaces/${namespace}/secrets`;
  const name = `the Secret ${namespace}/${secret}`;
  const look = async (): Promise<SecretObject | undefined> => {
    const { status, body } = await api.get(`${all}/${secret}`, REASON);
    if (status === 404) return undefined;
    if (status !== 200) throw refusal('get', name, status);
    return body as SecretObject;
  };
  const dataOf = async (call: Call) => (await within(call, look))?.data ?? {};
  return {
    uri,
    keeps: new Set(),
    width: 1,
    batch: BATCH,
    changes: BATCH,
    place(_path, parameter) {
      const place = parameter.replaceAll('/', '.');
      if (/^[-._a-zA-Z0-9]{1,253}$/.test(place) && !/^\.(\.|$)/.test(place)) return place;
      throw new KeysteadError(
        'bad-request',
        `a key of ${name} has 1 to 253 of a-z A-Z 0-9 - _ . and does not begin with .. : ${JSON.stringify(parameter)}`,
      );
    },
    list: async (_path, call) => Object.keys(await dataOf(call)).sort(),
    async read(places, _aspects, call) {
      const data = await dataOf(call);
      return new Map(
        places.flatMap((place) => {
          const text = Object.hasOwn(data, place) ? data[place] : undefined;
          if (text === undefined) return [];
          return [[place, { value: SecretBytes.own(fromBase64(text, 'record-corrupt', `${name}: ${place}`)) }]];
        }),
      );
    },
    async apply(changes, call) {
      const before = await within(call, look);
      const data = changed(before?.data ?? {}, changes);
      if (before === undefined && Object.keys(data).length === 0) return changes.map(() => undefined);
      const kind = { apiVersion: 'v1', kind: 'Secret' };
      // With the version that was read, so that a change of somebody else's is not written over.
      const { status } = await within(call, () =>
        before === undefined
          ? api.post(all, { ...kind, metadata: { name: secret }, type: 'Opaque', data }, REASON)
          : api.put(`${all}/${secret}`, { ...before, ...kind, data }, REASON),
      );
      if (status === 409 || (status === 404 && before !== undefined))
        throw new KeysteadError('concurrent-write', `${name} was changed by somebody else; try again`);
      if (status !== 200 && status !== 201) throw refusal(before === undefined ? 'create' : 'update', name, status);
      return changes.map(() => undefined);
    },
    async close() {},
  };
}

function changed(data: Readonly<Record<string, string>>, changes: readonly StoreChange[]): Record<string, string> {
  const result = new Map(Object.entries(data));
  for (const change of changes) {
    if (change.kind === 'put') result.set(change.place, toBase64(change.parameter.value.expose()));
    if (change.kind === 'delete') result.delete(change.place);
  }
  return Object.fromEntries(result);
}

function refusal(verb: string, name: string, status: number): KeysteadError {
  if (status === 401)
    return new KeysteadError('provider-credentials', `${name}: the API server does not accept the token`);
  if (status === 403)
    return new KeysteadError('provider-denied', `${name}: the API server does not permit to ${verb} it`);
  if (status === 404) return new KeysteadError('no-bucket', `${name}: there is no such namespace`);
  if (status === 413 || status === 422) {
    return new KeysteadError(
      'provider-refused',
      `${name}: the API server does not take what it would hold: an immutable Secret stays as it is, and none holds more than 1 MiB`,
    );
  }
  return new KeysteadError(REASON, `${name}: the API server answers ${verb} with status ${status}`);
}
