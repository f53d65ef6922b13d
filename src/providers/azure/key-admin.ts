import type { DeletedKey, KeyClient, KeyProperties, KeyRotationPolicy, KeyVaultKey } from '@azure/keyvault-keys';
import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { KeyAdmin, KeyChange, KeyField, KeySpec, ManagedKey } from '../../core/key-admin.ts';
import { refuseWhatIsMissing } from '../../core/managed-keys.ts';
import { UPSTREAM_MS, upstream } from '../../core/upstream.ts';
import type { KmsUriOf } from '../../core/uri-schemas.ts';
import { type ClientDeps, openVault } from './client.ts';
import { kmsError } from './errors.ts';

const RSA = { RSA_2048: 2048, RSA_3072: 3072, RSA_4096: 4096 } as const;
const AES = { AES_128: 128, AES_192: 192, AES_256: 256 } as const;
/** Milliseconds between questions whether the vault has finished what it was told. */
const POLL_MS = 250;
const LACKS = [
  'description',
  'policy',
  'bypassPolicyLockoutSafetyCheck',
  'customKeyStoreId',
  'xksKeyId',
  'multiRegion',
] as const;

/** Opens the vault of a `kms://azure` URI. Makes no call to Azure. */
export async function openAzureKeyAdmin(uri: KmsUriOf<'azure'>, deps: ClientDeps): Promise<KeyAdmin> {
  const { keys, name } = await openVault(uri, deps);
  const isHsm = uri.vaultType.startsWith('managedhsm.');
  return new AzureKeyAdmin({ keys, vault: name.vault, address: name.address, isHsm }, deps.timeoutMs ?? UPSTREAM_MS);
}

interface Vault {
  readonly keys: KeyClient;
  /** Its host name, for people. */
  readonly vault: string;
  readonly address: string;
  readonly isHsm: boolean;
}

/**
 * Keys of Key Vault or Managed HSM.
 *
 * A key is its versions: it is stopped when all are disabled, the newest last, since it is what the state is read from. A
 * deleted key keeps its name until the vault purges it, so a new key of that name is `not-supported` until then. The vault
 * says how many days that takes. Two who create a name at the same moment make two versions of one key.
 */
class AzureKeyAdmin implements KeyAdmin {
  readonly #vault: Vault;
  readonly #timeoutMs: number;

  constructor(vault: Vault, timeoutMs: number) {
    this.#vault = vault;
    this.#timeoutMs = timeoutMs;
  }

  async find(name: string, fields: readonly KeyField[], call: Call): Promise<ManagedKey | undefined> {
    const key = await this.#ifThere(name, call, (at) => this.#vault.keys.getKey(name, at));
    if (key === undefined) return undefined;
    const rotation = fields.includes('rotation')
      ? { rotationDays: daysOf(await this.#send(name, call, (at) => this.#vault.keys.getKeyRotationPolicy(name, at))) }
      : {};
    return { ...this.#described(name, key), ...rotation };
  }

  async earlier(name: string | undefined, call: Call): Promise<readonly ManagedKey[]> {
    if (name !== undefined) {
      const gone = await this.#ifThere(name, call, (at) => this.#vault.keys.getDeletedKey(name, at));
      return gone === undefined ? [] : [this.#deleted(name, gone)];
    }
    const all = await this.#send('all deleted keys', call, async (at) => {
      const found: DeletedKey[] = [];
      for await (const key of this.#vault.keys.listDeletedKeys(at)) found.push(key);
      return found;
    });
    return all.map((key) => this.#deleted(key.name, key));
  }

  async create(name: string, spec: KeySpec, call: Call): Promise<ManagedKey> {
    this.#refuse(spec);
    const holder = await this.find(name, [], call);
    if (holder !== undefined) return holder;
    const key = await this.#make(name, spec, call);
    if ((spec.rotationDays ?? 0) > 0) await this.#rotate(name, spec.rotationDays ?? 0, call);
    return this.#described(name, key);
  }

  async update(name: string, _key: ManagedKey, change: KeyChange, call: Call): Promise<void> {
    this.#refuse(change);
    const { tags, rotationDays, enabled } = change;
    if (tags !== undefined) {
      const { properties } = await this.#send(name, call, (at) => this.#vault.keys.getKey(name, at));
      const version = properties.version ?? '';
      await this.#send(name, call, (at) =>
        this.#vault.keys.updateKeyProperties(name, version, { ...at, tags: { ...tags } }),
      );
    }
    if (rotationDays !== undefined) await this.#rotate(name, rotationDays, call);
    if (enabled !== undefined) await this.#setEnabled(name, enabled, call);
  }

  async terminate(name: string, _key: ManagedKey, days: number | undefined, call: Call): Promise<void> {
    const key = await this.#ifThere(name, call, (at) => this.#vault.keys.getKey(name, at));
    if (key === undefined) return;
    const { recoverableDays = 0 } = key.properties;
    if (recoverableDays === 0) {
      throw new KeysteadError(
        'not-supported',
        `${this.#what(name)}: the vault has no soft delete, so that nothing could be taken back; switch it on`,
      );
    }
    if (days !== undefined && days !== recoverableDays) {
      throw new KeysteadError(
        'not-supported',
        `${this.#what(name)}: the vault keeps deleted keys ${recoverableDays} days, not ${days}; declare ${recoverableDays}, or change the vault`,
      );
    }
    await this.#ifThere(name, call, async ({ abortSignal }) => {
      const poller = await this.#vault.keys.beginDeleteKey(name, { abortSignal, intervalInMs: POLL_MS });
      await poller.pollUntilDone({ abortSignal });
    });
  }

  async restore(name: string, _key: ManagedKey, to: 'running' | 'stopped', call: Call): Promise<void> {
    const gone = await this.#ifThere(name, call, (at) => this.#vault.keys.getDeletedKey(name, at));
    if (gone !== undefined) {
      await this.#send(name, call, async ({ abortSignal }) => {
        const poller = await this.#vault.keys.beginRecoverDeletedKey(name, { abortSignal, intervalInMs: POLL_MS });
        await poller.pollUntilDone({ abortSignal });
      });
    }
    await this.#setEnabled(name, to === 'running', call);
  }

  /** Nothing is held open: connections end by themselves. */
  async close(): Promise<void> {}

  #refuse(spec: KeySpec): void {
    const specs = Object.keys(this.#vault.isHsm ? { ...RSA, ...AES } : RSA);
    const origin = this.#vault.isHsm ? ['HSM'] : ['SOFTWARE', 'HSM'];
    refuseWhatIsMissing('Azure Key Vault', spec, LACKS, { spec: specs, usage: ['ENCRYPT_DECRYPT'], origin });
  }

  async #make(name: string, spec: KeySpec, call: Call): Promise<KeyVaultKey> {
    const { keys, isHsm } = this.#vault;
    const given = spec.spec ?? (isHsm ? 'AES_256' : 'RSA_2048');
    const options = {
      keyOps: ['wrapKey', 'unwrapKey'],
      enabled: spec.enabled ?? true,
      ...(spec.tags === undefined ? {} : { tags: { ...spec.tags } }),
    };
    const size = { ...RSA, ...AES }[given as keyof typeof RSA | keyof typeof AES];
    const hsm = isHsm || spec.origin === 'HSM';
    try {
      return await this.#send(name, call, (at) =>
        given.startsWith('AES_')
          ? keys.createOctKey(name, { ...options, ...at, keySize: size, hsm: true })
          : keys.createRsaKey(name, { ...options, ...at, keySize: size, hsm }),
      );
    } catch (error) {
      if (KeysteadError.from(error).reason !== 'key-pending-deletion') throw error;
      throw new KeysteadError(
        'not-supported',
        `${this.#what(name)}: a deleted key keeps its name until the vault purges it; restore it, or give another name`,
        { cause: error },
      );
    }
  }

  async #rotate(name: string, days: number, call: Call): Promise<void> {
    const { keys } = this.#vault;
    const policy = await this.#send(name, call, (at) => keys.getKeyRotationPolicy(name, at));
    const others = (policy.lifetimeActions ?? []).filter(({ action }) => action !== 'Rotate');
    const rotate = { action: 'Rotate', timeAfterCreate: `P${days}D` } as const;
    const lifetimeActions = days === 0 ? others : [...others, rotate];
    const properties = { ...(policy.expiresIn === undefined ? {} : { expiresIn: policy.expiresIn }), lifetimeActions };
    await this.#send(name, call, (at) => keys.updateKeyRotationPolicy(name, properties, at));
  }

  async #setEnabled(name: string, enabled: boolean, call: Call): Promise<void> {
    const { keys } = this.#vault;
    const all = await this.#send(name, call, async (at) => {
      const found: KeyProperties[] = [];
      for await (const each of keys.listPropertiesOfKeyVersions(name, at)) found.push(each);
      return found;
    });
    const { properties: newest } = await this.#send(name, call, (at) => keys.getKey(name, at));
    const last = all.filter(({ version }) => version === newest.version);
    for (const { version = '', enabled: is } of [...all.filter((each) => !last.includes(each)), ...last]) {
      if ((is ?? true) === enabled) continue;
      await this.#send(name, call, (at) => keys.updateKeyProperties(name, version, { ...at, enabled }));
    }
  }

  #described(name: string, { keyType, key, properties }: KeyVaultKey): ManagedKey {
    const running = properties.enabled !== false;
    const resource = `${this.#vault.address}/keys/${name}`;
    const rsa = `RSA_${(key?.n?.length ?? 0) * 8}`;
    return {
      id: resource,
      resource,
      named: true,
      state: running ? 'running' : 'stopped',
      providerState: running ? 'enabled' : 'disabled',
      ...(keyType?.startsWith('RSA') && Object.hasOwn(RSA, rsa) ? { spec: rsa } : {}),
      usage: 'ENCRYPT_DECRYPT',
      origin: keyType?.endsWith('-HSM') === true ? 'HSM' : 'SOFTWARE',
      tags: { ...properties.tags },
      nameTag: name,
      ...(properties.createdOn === undefined ? {} : { createdAt: properties.createdOn }),
    };
  }

  #deleted(name: string, gone: DeletedKey): ManagedKey {
    const { scheduledPurgeDate } = gone.properties;
    return {
      ...this.#described(name, gone),
      named: false,
      state: 'terminated',
      providerState: 'deleted',
      ...(scheduledPurgeDate === undefined ? {} : { deletionDate: scheduledPurgeDate }),
    };
  }

  #what(name: string): string {
    return `key ${name} in ${this.#vault.vault}`;
  }

  async #ifThere<T>(
    name: string,
    call: Call,
    run: (at: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      return await this.#send(name, call, run);
    } catch (error) {
      if (error instanceof KeysteadError && error.reason === 'no-kek') return undefined;
      throw error;
    }
  }

  #send<T>(name: string, call: Call, run: (at: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
    const target = { name: this.#what(name), operation: 'describe' } as const;
    return upstream(call, {
      timeoutMs: this.#timeoutMs,
      timedOut: () =>
        new KeysteadError('kms-timeout', `${target.name}: the vault did not answer in ${this.#timeoutMs} ms`),
      run: (abortSignal) => run({ abortSignal }),
      errorOf: (error) => kmsError(error, target),
    });
  }
}

/** Days of a rotation policy; 0 where nothing rotates. Only whole days, as Keystead writes them. */
function daysOf({ lifetimeActions }: KeyRotationPolicy): number {
  const after = lifetimeActions?.find(({ action }) => action === 'Rotate')?.timeAfterCreate;
  return Number(/^P(\d{1,5})D$/.exec(after ?? '')?.[1] ?? 0);
}
