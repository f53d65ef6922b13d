import type { Call } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { KeyAdmin, KeyChange, KeyField, KeySpec, KeyState, ManagedKey } from '../../core/key-admin.ts';
import { oldestFirst } from '../../core/managed-keys.ts';
import { within } from '../../core/within.ts';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;
const WORDS: Readonly<Record<KeyState, string>> = {
  running: 'enabled',
  stopped: 'disabled',
  terminated: 'pending deletion',
  pending: 'pending',
};

interface Entry extends Omit<ManagedKey, 'named' | 'providerState' | 'deletionDate'> {
  readonly madeFor: string;
  readonly deletionDate: Date | undefined;
}

/**
 * A KMS in this process's memory that makes keys and wraps nothing with them: the reference of the contract, for
 * development and tests. Every operation is one step that nothing can come between.
 */
export function memoryKeyAdmin({ clock }: { readonly clock: Clock }): KeyAdmin {
  const kms = new MemoryKms(clock);
  const step = <T>(call: Call, operation: () => T): Promise<T> => within(call, async () => operation());
  return {
    find: (name, fields, call) => step(call, () => kms.find(name, fields)),
    earlier: (name, call) => step(call, () => kms.earlier(name)),
    create: (name, spec, call) => step(call, () => kms.create(name, spec)),
    update: (_name, key, change, call) => step(call, () => kms.update(key.id, change)),
    terminate: (name, key, days, call) => step(call, () => kms.terminate(name, key.id, days)),
    restore: (name, key, to, call) => step(call, () => kms.restore(name, key.id, to)),
    close: async () => {},
  };
}

class MemoryKms {
  readonly #clock: Clock;
  readonly #keys = new Map<string, Entry>();
  readonly #names = new Map<string, string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(name: string, fields: readonly KeyField[]): ManagedKey | undefined {
    const id = this.#names.get(name);
    return id === undefined ? undefined : this.#shown(this.#entry(id), fields);
  }

  earlier(name: string | undefined): ManagedKey[] {
    const named = new Set(this.#names.values());
    return [...this.#keys.values()]
      .filter(({ id, madeFor }) => !named.has(id) && (name === undefined || madeFor === name))
      .map((entry) => this.#shown(entry, ['tags']))
      .sort(oldestFirst);
  }

  create(name: string, spec: KeySpec): ManagedKey {
    const holder = this.find(name, []);
    if (holder !== undefined) return holder;
    const left = this.earlier(name).find(({ state }) => state !== 'terminated');
    const id = left?.id ?? this.#make(name, spec);
    this.#names.set(name, id);
    return this.#shown(this.#entry(id), []);
  }

  update(id: string, change: KeyChange): void {
    const { enabled, description, tags, policy, rotationDays } = change;
    const entry = this.#entry(id);
    if (entry.state === 'terminated') {
      throw new KeysteadError('key-pending-deletion', `key ${id} is pending deletion; restore it`);
    }
    this.#keys.set(id, {
      ...entry,
      ...(enabled === undefined ? {} : { state: enabled ? 'running' : 'stopped' }),
      ...(description === undefined ? {} : { description }),
      ...(tags === undefined ? {} : { tags: { ...tags } }),
      ...(policy === undefined ? {} : { policy }),
      ...(rotationDays === undefined ? {} : { rotationDays }),
    });
  }

  terminate(name: string, id: string, days = DEFAULT_DAYS): void {
    const entry = this.#entry(id);
    const deletionDate = entry.deletionDate ?? new Date(this.#clock.now().getTime() + days * DAY_MS);
    this.#keys.set(id, { ...entry, state: 'terminated', deletionDate });
    if (this.#names.get(name) === id) this.#names.delete(name);
  }

  restore(name: string, id: string, to: 'running' | 'stopped'): void {
    this.#keys.set(id, { ...this.#entry(id), state: to, deletionDate: undefined });
    if (!this.#names.has(name)) this.#names.set(name, id);
  }

  #make(name: string, { enabled = true, ...spec }: KeySpec): string {
    const id = `key-${this.#keys.size + 1}`;
    const { bypassPolicyLockoutSafetyCheck: _, xksKeyId: _x, deletionDays: _d, ...told } = spec;
    this.#keys.set(id, {
      ...told,
      id,
      resource: `memory:${id}`,
      state: enabled ? 'running' : 'stopped',
      madeFor: name,
      createdAt: this.#clock.now(),
      deletionDate: undefined,
    });
    return id;
  }

  #shown(
    { madeFor, deletionDate, tags, policy, rotationDays, ...entry }: Entry,
    fields: readonly KeyField[],
  ): ManagedKey {
    return {
      ...entry,
      description: entry.description ?? '',
      named: [...this.#names.values()].includes(entry.id),
      providerState: WORDS[entry.state],
      ...(fields.includes('tags') ? { tags: { ...tags }, nameTag: madeFor } : {}),
      ...(fields.includes('policy') ? { policy: policy ?? '{}' } : {}),
      ...(fields.includes('rotation') ? { rotationDays: rotationDays ?? 0 } : {}),
      ...(deletionDate === undefined ? {} : { deletionDate }),
    };
  }

  #entry(id: string): Entry {
    const entry = this.#keys.get(id);
    if (entry === undefined) throw new KeysteadError('no-kek', `there is no key ${id}`);
    return entry;
  }
}
