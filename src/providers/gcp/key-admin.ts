import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { KeyAdmin, KeyChange, KeyField, KeySpec, KeyState, ManagedKey } from '../../core/key-admin.ts';
import { refuseWhatIsMissing } from '../../core/managed-keys.ts';
import { UPSTREAM_MS } from '../../core/upstream.ts';
import type { KmsUriOf } from '../../core/uri-schemas.ts';
import { type ClientDeps, kmsConnection } from './client.ts';
import { type CryptoKey, KeyCalls, type Version } from './key-calls.ts';

const DAY_S = 86_400;
const DEFAULT_DAYS = 30;
const STATES: Readonly<Record<string, KeyState>> = {
  ENABLED: 'running',
  DISABLED: 'stopped',
  DESTROYED: 'terminated',
  DESTROY_SCHEDULED: 'terminated',
};
const HAS = { spec: ['SYMMETRIC_DEFAULT'], usage: ['ENCRYPT_DECRYPT'], origin: ['SOFTWARE', 'HSM'] } as const;
const LACKS = [
  'description',
  'policy',
  'bypassPolicyLockoutSafetyCheck',
  'customKeyStoreId',
  'xksKeyId',
  'multiRegion',
] as const;

/** Opens the key ring of a `kms://gcp` URI. Makes no call to Google. */
export async function openGcpKeyAdmin(uri: KmsUriOf<'gcp'>, deps: ClientDeps): Promise<KeyAdmin> {
  return new GcpKeyAdmin(new KeyCalls(uri, await kmsConnection(uri, deps), deps.timeoutMs ?? UPSTREAM_MS));
}

/**
 * CryptoKeys of one key ring; the ring is made when the first key is.
 *
 * A CryptoKey and its name are there for ever. So a key is its versions: it is stopped when they are disabled and
 * terminated when their destruction is scheduled, the primary one last, since it is what the state is read from. A new key
 * under the name of a terminated one is a new version.
 */
class GcpKeyAdmin implements KeyAdmin {
  readonly #calls: KeyCalls;

  constructor(calls: KeyCalls) {
    this.#calls = calls;
  }

  async find(name: string, _fields: readonly KeyField[], call: Call): Promise<ManagedKey | undefined> {
    const key = await this.#calls.get(name, call);
    if (key === undefined) return undefined;
    const shown = described(name, key, await this.#speaker(name, key, call));
    return shown.state === 'terminated' ? undefined : shown;
  }

  async earlier(name: string | undefined, call: Call): Promise<readonly ManagedKey[]> {
    const keys = name === undefined ? await this.#calls.keys(call) : [await this.#calls.get(name, call)];
    const found: ManagedKey[] = [];
    for (const key of keys) {
      if (key === undefined) continue;
      const id = name ?? shortName(key);
      const scheduled = (await this.#calls.versions(id, call)).filter(isScheduled);
      const newest = scheduled.at(-1);
      if (newest === undefined) continue;
      const days = scheduled.map(({ destroyTime }) => dateOf(destroyTime)).filter((date) => date !== undefined);
      const first = days.sort((one, other) => one.getTime() - other.getTime())[0];
      const gone = described(id, key, newest);
      found.push({
        ...gone,
        named: false,
        state: 'terminated',
        ...(first === undefined ? {} : { deletionDate: first }),
      });
    }
    return found;
  }

  async create(name: string, spec: KeySpec, call: Call): Promise<ManagedKey> {
    refuseWhatIsMissing('Cloud KMS', spec, LACKS, HAS);
    const holder = (await this.#made(name, spec, call)) ?? (await this.find(name, [], call));
    const key = holder ?? (await this.#newVersion(name, call));
    if (spec.enabled === false) await this.update(name, key, { enabled: false }, call);
    return key;
  }

  async update(name: string, _key: ManagedKey, change: KeyChange, call: Call): Promise<void> {
    refuseWhatIsMissing('Cloud KMS', change, LACKS, HAS);
    if (change.tags !== undefined) await this.#calls.update(name, { labels: { ...change.tags } }, ['labels'], call);
    if (change.rotationDays !== undefined) {
      await this.#calls.update(name, rotation(change.rotationDays), ['rotation_period', 'next_rotation_time'], call);
    }
    if (change.enabled !== undefined) await this.#setEnabled(name, change.enabled, call);
  }

  async terminate(name: string, _key: ManagedKey, days: number | undefined, call: Call): Promise<void> {
    const key = await this.#calls.get(name, call);
    if (key === undefined) return;
    const fixed = daysOf(key.destroyScheduledDuration) || DEFAULT_DAYS;
    if (days !== undefined && fixed !== days) {
      throw new KeysteadError(
        'not-supported',
        `${this.#calls.nameOf(name)}: Cloud KMS fixed its window at ${fixed} days when the key was made, not ${days}; declare ${fixed}`,
      );
    }
    for (const version of await this.#primaryLast(name, key, call)) {
      if (version.state === 'ENABLED' || version.state === 'DISABLED') await this.#calls.destroy(version, call);
    }
  }

  async restore(name: string, _key: ManagedKey, to: 'running' | 'stopped', call: Call): Promise<void> {
    const key = await this.#calls.get(name, call);
    for (const version of await this.#primaryLast(name, key, call)) {
      if (!isScheduled(version)) continue;
      await this.#calls.restore(version, call);
      if (to === 'running') await this.#calls.setState(version, 'ENABLED', call);
    }
  }

  close(): Promise<void> {
    return this.#calls.close();
  }

  /** Undefined where there is a CryptoKey of that name already. */
  async #made(name: string, spec: KeySpec, call: Call): Promise<ManagedKey | undefined> {
    const cryptoKey: CryptoKey = {
      purpose: 'ENCRYPT_DECRYPT',
      versionTemplate: {
        algorithm: 'GOOGLE_SYMMETRIC_ENCRYPTION',
        protectionLevel: spec.origin === 'HSM' ? 'HSM' : 'SOFTWARE',
      },
      ...(spec.tags === undefined ? {} : { labels: { ...spec.tags } }),
      ...((spec.rotationDays ?? 0) > 0 ? rotation(spec.rotationDays ?? 0) : {}),
      ...(spec.deletionDays === undefined ? {} : { destroyScheduledDuration: { seconds: spec.deletionDays * DAY_S } }),
    };
    const make = async () => {
      const made = await this.#calls.create(name, cryptoKey, call);
      return described(name, made, made.primary ?? undefined);
    };
    try {
      return await make();
    } catch (error) {
      const { reason } = KeysteadError.from(error);
      if (reason === 'name-taken') return undefined;
      if (reason !== 'no-kek') throw error;
    }
    await this.#calls.createRing(call);
    try {
      return await make();
    } catch (error) {
      if (KeysteadError.from(error).reason === 'name-taken') return undefined;
      throw error;
    }
  }

  /** Of several who do so at once, the one with the lowest number has made the key; the others destroy theirs again. */
  async #newVersion(name: string, call: Call): Promise<ManagedKey> {
    const fresh = async () => (await this.#calls.versions(name, call)).filter(({ state }) => state === 'ENABLED');
    const mine = (await fresh()).length === 0 ? await this.#calls.createVersion(name, call) : undefined;
    const [first] = await fresh();
    if (first === undefined) {
      throw new KeysteadError(
        'kms-bad-answer',
        `${this.#calls.nameOf(name)}: Cloud KMS made a version and does not show it; try again`,
      );
    }
    await this.#calls.makePrimary(name, first, call);
    if (mine !== undefined && mine.name !== first.name) await this.#calls.destroy(mine, call);
    return described(name, { name: this.#calls.nameOf(name) }, first);
  }

  async #setEnabled(name: string, enabled: boolean, call: Call): Promise<void> {
    const key = await this.#calls.get(name, call);
    const [from, to] = enabled ? (['DISABLED', 'ENABLED'] as const) : (['ENABLED', 'DISABLED'] as const);
    for (const version of await this.#primaryLast(name, key, call)) {
      if (version.state === from) await this.#calls.setState(version, to, call);
    }
  }

  async #primaryLast(name: string, key: CryptoKey | undefined, call: Call): Promise<Version[]> {
    const all = await this.#calls.versions(name, call);
    const primary = key?.primary?.name;
    return [...all.filter((version) => version.name !== primary), ...all.filter((version) => version.name === primary)];
  }

  /** The version that says what the key is: the primary one; the newest of a key that has none. */
  async #speaker(name: string, key: CryptoKey, call: Call): Promise<Version | undefined> {
    return key.primary ?? (await this.#calls.versions(name, call)).at(-1);
  }
}

function described(name: string, key: CryptoKey, version: Version | undefined): ManagedKey {
  const providerState = String(version?.state ?? 'NO_VERSION');
  const { algorithm, protectionLevel } = key.versionTemplate ?? {};
  const resource = key.name ?? '';
  const createdAt = dateOf(key.createTime);
  return {
    id: resource,
    resource,
    named: true,
    state: STATES[providerState] ?? 'pending',
    providerState,
    spec:
      algorithm === undefined || algorithm === 'GOOGLE_SYMMETRIC_ENCRYPTION' ? 'SYMMETRIC_DEFAULT' : String(algorithm),
    usage: String(key.purpose ?? 'ENCRYPT_DECRYPT'),
    origin: String(protectionLevel ?? 'SOFTWARE'),
    tags: { ...key.labels },
    nameTag: name,
    rotationDays: daysOf(key.rotationPeriod),
    ...(createdAt === undefined ? {} : { createdAt }),
  };
}

function isScheduled({ state }: Version): boolean {
  return state === 'DESTROY_SCHEDULED';
}

function shortName({ name }: CryptoKey): string {
  return (name ?? '').slice((name ?? '').lastIndexOf('/') + 1);
}

/** Google wants the first time said with the period, and neither to end it. */
function rotation(days: number): CryptoKey {
  if (days === 0) return {};
  const period = days * DAY_S;
  return {
    rotationPeriod: { seconds: period },
    nextRotationTime: { seconds: Math.floor(Date.now() / 1000) + period },
  };
}

type Seconds = { readonly seconds?: number | Long | string | null } | null | undefined;
type Long = { toString(): string };

function daysOf(duration: Seconds): number {
  return Math.round(Number(duration?.seconds?.toString() ?? 0) / DAY_S);
}

function dateOf(time: Seconds): Date | undefined {
  const seconds = Number(time?.seconds?.toString() ?? 0);
  return seconds === 0 ? undefined : new Date(seconds * 1000);
}
