import type { Clock } from '../../core/clock.ts';
import { MIN_MASTER_SECRET_LENGTH, MIN_SALT_LENGTH } from '../../core/derive.ts';
import { base64Length, fromBase64, writeBase64 } from '../../core/encoding.ts';
import { KeysteadError, type Reason } from '../../core/errors.ts';
import type { MasterSecret } from '../../core/kek.ts';
import type { KekPlace, KekSight, KekWatch } from '../../core/kek-place.ts';
import { SecretBytes } from '../../core/secret-bytes.ts';
import { within } from '../../core/within.ts';
import type { KubernetesApi } from './api.ts';

const REASON = 'kek-secret-unreachable';
/** Bytes: far more than anybody needs, far less than hurts. */
const MAX_LENGTH = 64 * 1024;
/** Seconds of one watch: so long a connection that died unnoticed goes unnoticed at most. */
const WATCH_SECONDS = 60;
const MIN_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 30_000;

export interface KekSecretOptions {
  readonly api: KubernetesApi;
  /** As Kubernetes allows names: nothing in them needs to be escaped. */
  readonly namespace: string;
  readonly secret: string;
  readonly clock: Clock;
}

/**
 * The KEK of the cluster in a Kubernetes Secret: raw bytes under `mastersecret` and `salt`, as Constellation has them.
 *
 * Promises: the Secret is created or left as it is; one that is created here is immutable, so that people can remove it
 * and nobody can change it. Needs the verb `create` for secrets of the namespace, `get` and `watch` for this one.
 */
export function kekSecret({ api, namespace, secret, clock }: KekSecretOptions): KekPlace {
  const all = `/api/v1/namespaces/${namespace}/secrets`;
  const name = `the Secret ${namespace}/${secret}`;
  const look = async (): Promise<{ readonly sight: KekSight; readonly version?: string }> => {
    const { status, body } = await api.get(`${all}/${secret}`, REASON);
    if (status === 404) return { sight: { absent: true } };
    if (status !== 200) throw refusal('get', name, status);
    const { resourceVersion } = record(record(body)['metadata']);
    const version = typeof resourceVersion === 'string' ? { version: resourceVersion } : {};
    return { sight: sightOf(body, name), ...version };
  };
  /** One look and one watch: from what was seen on, or, where there was nothing, from whatever comes. */
  const round = async (seen: (sight: KekSight) => Promise<void>, signal: AbortSignal): Promise<void> => {
    const { sight, version } = await look();
    await seen(sight);
    const from = version === undefined ? '' : `&resourceVersion=${encodeURIComponent(version)}`;
    const ended = new AbortController();
    const watch = {
      seconds: WATCH_SECONDS,
      signal: AbortSignal.any([signal, ended.signal]),
      async each(event: unknown) {
        const { type, object } = record(event);
        if (type === 'ADDED' || type === 'MODIFIED') await seen(sightOf(object, name));
        else if (type === 'DELETED') await seen({ absent: true });
      },
    };
    const { status } = await api.watch(`${all}?fieldSelector=metadata.name%3D${secret}${from}`, watch, REASON);
    if (status !== 200) throw refusal('watch', name, status);
  };
  return {
    name,
    async read(call) {
      const { sight } = await within(call, look);
      if ('unfit' in sight) throw sight.unfit;
      return 'kek' in sight ? sight.kek : undefined;
    },
    async create(kek, call) {
      const body = secretBody(secret, kek);
      try {
        const { status } = await within(call, () => api.post(all, body, REASON));
        if (status !== 201 && status !== 409) throw refusal('create', name, status);
        return status === 201;
      } finally {
        body.fill(0);
      }
    },
    watch: (seen) => rounds(round, seen, clock),
  };
}

/** Round after round, the longer apart the more of them have failed in a row. */
function rounds(
  round: (seen: (sight: KekSight) => Promise<void>, signal: AbortSignal) => Promise<void>,
  seen: (sight: KekSight) => Promise<void>,
  clock: Clock,
): KekWatch {
  const ending = new AbortController();
  const { signal } = ending;
  const follow = async () => {
    let pause = MIN_PAUSE_MS;
    while (!signal.aborted) {
      try {
        await round(seen, signal);
        pause = MIN_PAUSE_MS;
      } catch (error) {
        if (signal.aborted) return;
        await seen({ away: KeysteadError.from(error) });
        pause = Math.min(2 * pause, MAX_PAUSE_MS);
      }
      await clock.sleep(pause, signal).catch(() => {});
    }
  };
  const done = follow();
  return {
    async close() {
      ending.abort();
      await done;
    },
  };
}

/** Whoever is given a KEK disposes it. */
function sightOf(object: unknown, name: string): KekSight {
  const data = record(record(object)['data']);
  try {
    const masterSecret = bytesOf(data, 'mastersecret', name, MIN_MASTER_SECRET_LENGTH, 'bad-master-secret');
    try {
      return { kek: { masterSecret, salt: bytesOf(data, 'salt', name, MIN_SALT_LENGTH, 'bad-salt') } };
    } catch (error) {
      masterSecret.dispose();
      throw error;
    }
  } catch (error) {
    return { unfit: KeysteadError.from(error) };
  }
}

function bytesOf(data: Fields, entry: string, name: string, min: number, reason: Reason): SecretBytes {
  const text = data[entry];
  const what = `${entry} in ${name}`;
  if (typeof text !== 'string') throw new KeysteadError(reason, `${what} is not there`);
  const bytes = SecretBytes.own(fromBase64(text, reason, what));
  if (bytes.length >= min && bytes.length <= MAX_LENGTH) return bytes;
  bytes.dispose();
  throw new KeysteadError(
    reason,
    `${what} is ${bytes.length} bytes long, from ${min} (32 advised) to ${MAX_LENGTH} are needed`,
  );
}

/** The Secret to create, as JSON: its bytes can be wiped, which a string's cannot. */
function secretBody(secret: string, { masterSecret, salt }: MasterSecret): Buffer {
  const head = `{"apiVersion":"v1","kind":"Secret","metadata":{"name":${JSON.stringify(secret)}},"type":"Opaque","immutable":true,"data":{"mastersecret":"`;
  const middle = '","salt":"';
  const tail = '"}}';
  const [first, second] = [base64Length(masterSecret.length), base64Length(salt.length)];
  const body = Buffer.alloc(head.length + first + middle.length + second + tail.length);
  let at = body.write(head, 'latin1');
  writeBase64(body, at, masterSecret.expose());
  at += first;
  at += body.write(middle, at, 'latin1');
  writeBase64(body, at, salt.expose());
  body.write(tail, at + second, 'latin1');
  return body;
}

function refusal(verb: string, name: string, status: number): KeysteadError {
  if (status === 401) return new KeysteadError(REASON, 'the API server does not accept the token of the service (401)');
  if (status === 403) {
    return new KeysteadError(REASON, `the API server does not let the service ${verb} ${name} (403); see its Role`);
  }
  if (status === 404) return new KeysteadError(REASON, `there is no namespace for ${name} (404)`);
  return new KeysteadError(REASON, `the API server answers "${verb}" of ${name} with status ${status}`);
}

type Fields = Readonly<Record<string, unknown>>;

function record(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
