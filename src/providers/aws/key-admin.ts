import type { CreateKeyCommandInput } from '@aws-sdk/client-kms';
import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import {
  type KeyAdmin,
  type KeyChange,
  type KeyField,
  type KeySpec,
  type ManagedKey,
  NAME_TAG,
} from '../../core/key-admin.ts';
import { oldestFirst } from '../../core/managed-keys.ts';
import { UPSTREAM_MS } from '../../core/upstream.ts';
import type { KmsUriOf } from '../../core/uri-schemas.ts';
import { openKms, type PlaceDeps, placeOf } from './client.ts';
import { describedKey, describedTags, isAlias, nameTagOf } from './key-description.ts';
import { readKeyName } from './key-name.ts';
import { KmsCalls } from './kms-calls.ts';

/** Days until a key is gone that was made and never had a name: the fewest that AWS allows. */
const UNUSED_DAYS = 7;
/** Days where nothing is said, as AWS has it. */
const DEFAULT_DAYS = 30;
/** Keys asked about at once. */
const AT_ONCE = 8;

export interface AwsKeyAdminDeps extends PlaceDeps {
  /** How long one call may take; 5 s without it. */
  readonly timeoutMs?: number;
  /**
   * Whether keys get `NAME_TAG`; true when absent. Without it a create that is cut short leaves a key that nobody finds
   * again, and `earlier` finds nothing.
   */
  readonly marks?: boolean;
}

/** Opens the account and region of a `kms://aws` URI. Throws what `placeOf` and `openKms` throw. Makes no call to AWS. */
export async function openAwsKeyAdmin(uri: KmsUriOf<'aws'>, deps: AwsKeyAdminDeps): Promise<KeyAdmin> {
  const place = await placeOf(uri, deps);
  const { region } = readKeyName(uri.keyName);
  const there = region === undefined ? place : { ...place, region };
  const timeoutMs = deps.timeoutMs ?? UPSTREAM_MS;
  const kms = await openKms(there, timeoutMs);
  const once = await openKms(there, timeoutMs, 1);
  return new AwsKeyAdmin(new KmsCalls(kms, once.client, timeoutMs), deps.marks ?? true);
}

/** Keys of AWS KMS, by alias. */
class AwsKeyAdmin implements KeyAdmin {
  readonly #calls: KmsCalls;
  readonly #marks: boolean;

  constructor(calls: KmsCalls, marks: boolean) {
    this.#calls = calls;
    this.#marks = marks;
  }

  async find(name: string, fields: readonly KeyField[], call: Call): Promise<ManagedKey | undefined> {
    const meta = await this.#calls.describe(name, call);
    if (meta === undefined) return undefined;
    const key = describedKey(meta, true);
    const has = (field: KeyField) => fields.includes(field);
    const policy = has('policy') ? await this.#calls.policy(key.id, call) : undefined;
    return {
      ...key,
      ...(has('tags') ? describedTags(await this.#calls.tags(key.id, call)) : {}),
      ...(policy === undefined ? {} : { policy }),
      ...(has('rotation') ? { rotationDays: await this.#rotationDays(key, call) } : {}),
    };
  }

  async earlier(name: string | undefined, call: Call): Promise<readonly ManagedKey[]> {
    const ids = await this.#calls.keyIds(call);
    const aliased = await this.#calls.aliased(call);
    const found: ManagedKey[] = [];
    const rest = ids.filter((id) => !aliased.has(id));
    const lane = async () => {
      for (let id = rest.pop(); id !== undefined; id = rest.pop()) {
        const key = await this.#markedKey(id, name, call);
        if (key !== undefined) found.push(key);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, lane));
    return found.sort(oldestFirst);
  }

  async create(name: string, spec: KeySpec, call: Call): Promise<ManagedKey> {
    if (!isAlias(name)) {
      throw new KeysteadError('bad-declaration', `${name}: AWS KMS makes a key under alias/NAME, not under an id`);
    }
    const left = this.#marks ? await this.earlier(name, call) : [];
    const mine = left.find(({ state }) => state !== 'terminated') ?? (await this.#make(name, spec, call));
    const key = await this.#named(name, mine, left.includes(mine), call);
    if (key.id === mine.id && !left.includes(mine)) {
      if ((spec.rotationDays ?? 0) > 0) await this.#calls.rotate(key.id, spec.rotationDays ?? 0, call);
      if (spec.enabled === false) await this.#calls.disable(key.id, call);
    }
    return key;
  }

  async update(name: string, key: ManagedKey, change: KeyChange, call: Call): Promise<void> {
    if (change.description !== undefined && change.description !== key.description) {
      await this.#calls.describeAs(key.id, change.description, call);
    }
    if (change.tags !== undefined) await this.#retag(name, key.id, change.tags, call);
    if (change.policy !== undefined) {
      await this.#calls.putPolicy(key.id, change.policy, change.bypassPolicyLockoutSafetyCheck, call);
    }
    if (change.rotationDays !== undefined) await this.#calls.rotate(key.id, change.rotationDays, call);
    if (change.enabled === true) await this.#calls.enable(key.id, call);
    if (change.enabled === false) await this.#calls.disable(key.id, call);
  }

  async terminate(name: string, key: ManagedKey, days: number | undefined, call: Call): Promise<void> {
    if (key.state !== 'terminated') {
      if (this.#marks) await this.#mark(name, key, call);
      await this.#calls.scheduleDeletion(key.id, days ?? DEFAULT_DAYS, call);
    }
    // Somebody may have moved the alias meanwhile: that of another key is not ours to delete.
    const holder = await this.#calls.describe(name, call);
    if (holder?.KeyId === key.id) await this.#calls.deleteAlias(name, call);
  }

  async restore(name: string, key: ManagedKey, to: 'running' | 'stopped', call: Call): Promise<void> {
    if (key.state === 'terminated') await this.#calls.cancelDeletion(key.id, call);
    if (!key.named) {
      try {
        await this.#calls.createAlias(name, key.id, call);
      } catch (error) {
        if (!isTaken(error)) throw error;
      }
    }
    const enabled = key.state === 'running';
    if (to === 'running' && !enabled) await this.#calls.enable(key.id, call);
    if (to === 'stopped' && enabled) await this.#calls.disable(key.id, call);
  }

  async close(): Promise<void> {
    this.#calls.close();
  }

  /** A key pending deletion answers no question about its rotation. */
  async #rotationDays(key: ManagedKey, call: Call): Promise<number> {
    return key.state === 'terminated' || key.state === 'pending' ? 0 : this.#calls.rotationDays(key.id, call);
  }

  /** Undefined where the key is not one that was made for the name; or is nobody's business here. */
  async #markedKey(id: string, name: string | undefined, call: Call): Promise<ManagedKey | undefined> {
    try {
      const tags = describedTags(await this.#calls.tags(id, call));
      const wanted = name === undefined ? tags.nameTag : nameTagOf(name);
      if (tags.nameTag === undefined || tags.nameTag !== wanted) return undefined;
      const meta = await this.#calls.describe(id, call);
      return meta && { ...describedKey(meta, false), ...tags };
    } catch (error) {
      const hidden = error instanceof KeysteadError && ['provider-denied', 'no-kek'].includes(error.reason);
      if (hidden) return undefined;
      throw error;
    }
  }

  async #make(name: string, spec: KeySpec, call: Call): Promise<ManagedKey> {
    const input = createInput(spec, this.#marks ? { [NAME_TAG]: nameTagOf(name) } : {});
    try {
      return describedKey(await this.#calls.createKey(name, input, call), false);
    } catch (error) {
      // With a mark the next try finds the key that was made after all; without, it would make a second one.
      if (this.#marks || !mayHaveArrived(error)) throw error;
      throw new KeysteadError(
        'key-unnamed',
        `${name}: nobody knows whether a key was made: ${KeysteadError.from(error).message}; look for a key without an alias, or apply without --no-mark`,
        { cause: error },
      );
    }
  }

  /** Gives a key its alias. Where another key has it by now, that is the key; ours goes, unless it was there before. */
  async #named(name: string, key: ManagedKey, found: boolean, call: Call): Promise<ManagedKey> {
    try {
      await this.#calls.createAlias(name, key.id, call);
      return { ...key, named: true };
    } catch (error) {
      const holder = isTaken(error) ? await this.find(name, [], call) : undefined;
      if (holder?.id === key.id) return holder;
      if (!found) await this.#discard(name, key, error, call);
      if (holder !== undefined) return holder;
      throw KeysteadError.from(error).retryable
        ? new KeysteadError(
            'key-unnamed',
            `${name}: a key was made, could not be given its alias and is deleted again; try again later`,
            { cause: error },
          )
        : error;
    }
  }

  async #discard(name: string, key: ManagedKey, unnamed: unknown, call: Call): Promise<void> {
    try {
      await this.#calls.scheduleDeletion(key.id, UNUSED_DAYS, call);
    } catch (error) {
      const [why, also] = [unnamed, error].map((one) => KeysteadError.from(one).message);
      const next = this.#marks ? 'make it again, which takes this key, or schedule' : 'schedule';
      throw new KeysteadError(
        'key-unnamed',
        `${name}: the key ${key.resource} was made, could not be given its alias (${why}) and could not be deleted again (${also}); ${next} its deletion`,
        { cause: error },
      );
    }
  }

  async #mark(name: string, key: ManagedKey, call: Call): Promise<void> {
    const { nameTag } = key.tags === undefined ? describedTags(await this.#calls.tags(key.id, call)) : key;
    if (nameTag === nameTagOf(name)) return;
    await this.#calls.tag(key.id, [{ TagKey: NAME_TAG, TagValue: nameTagOf(name) }], call);
  }

  async #retag(name: string, id: string, wanted: Readonly<Record<string, string>>, call: Call): Promise<void> {
    const { tags = {}, nameTag } = describedTags(await this.#calls.tags(id, call));
    const set = Object.entries(wanted).filter(([key, value]) => tags[key] !== value);
    if (this.#marks && nameTag !== nameTagOf(name)) set.push([NAME_TAG, nameTagOf(name)]);
    const gone = Object.keys(tags).filter((key) => !Object.hasOwn(wanted, key));
    if (set.length > 0) await this.#calls.tag(id, tagList(set), call);
    if (gone.length > 0) await this.#calls.untag(id, gone, call);
  }
}

/** As given: what is absent is for AWS to choose. */
function createInput(spec: KeySpec, marks: Readonly<Record<string, string>>): CreateKeyCommandInput {
  const tags = spec.tags === undefined && Object.keys(marks).length === 0 ? undefined : { ...spec.tags, ...marks };
  const given = {
    Policy: spec.policy,
    Description: spec.description,
    BypassPolicyLockoutSafetyCheck: spec.bypassPolicyLockoutSafetyCheck,
    CustomKeyStoreId: spec.customKeyStoreId,
    XksKeyId: spec.xksKeyId,
    KeySpec: spec.spec,
    KeyUsage: spec.usage,
    Origin: spec.origin,
    MultiRegion: spec.multiRegion,
    Tags: tags && tagList(Object.entries(tags)),
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as CreateKeyCommandInput;
}

function tagList(tags: readonly (readonly [string, string])[]): { TagKey: string; TagValue: string }[] {
  return tags.map(([TagKey, TagValue]) => ({ TagKey, TagValue }));
}

function mayHaveArrived(error: unknown): boolean {
  return error instanceof KeysteadError && error.retryable && error.reason !== 'provider-throttled';
}

function isTaken(error: unknown): boolean {
  return error instanceof KeysteadError && error.reason === 'name-taken';
}
