import type { KeyMetadata, Tag } from '@aws-sdk/client-kms';
import { type KeyState, type ManagedKey, NAME_TAG } from '../../core/key-admin.ts';

const ALIAS = 'alias/';

// Creating and Updating pass by themselves; the others of `pending` wait for somebody.
const STATES: Readonly<Record<string, KeyState>> = {
  Enabled: 'running',
  Disabled: 'stopped',
  PendingDeletion: 'terminated',
  PendingReplicaDeletion: 'terminated',
  PendingImport: 'pending',
  Unavailable: 'pending',
  Creating: 'pending',
  Updating: 'pending',
};

/** What DescribeKey and CreateKey tell of a key. A state that there was none of when this was written is `pending`. */
export function describedKey(meta: KeyMetadata, named: boolean): ManagedKey {
  const id = meta.KeyId ?? '';
  const providerState = meta.KeyState ?? '';
  return {
    id,
    resource: meta.Arn ?? id,
    named,
    state: STATES[providerState] ?? 'pending',
    providerState,
    description: meta.Description ?? '',
    multiRegion: meta.MultiRegion ?? false,
    ...(meta.KeySpec === undefined ? {} : { spec: meta.KeySpec }),
    ...(meta.KeyUsage === undefined ? {} : { usage: meta.KeyUsage }),
    ...(meta.Origin === undefined ? {} : { origin: meta.Origin }),
    ...(meta.CustomKeyStoreId === undefined ? {} : { customKeyStoreId: meta.CustomKeyStoreId }),
    ...(meta.CreationDate === undefined ? {} : { createdAt: meta.CreationDate }),
    ...(meta.DeletionDate === undefined ? {} : { deletionDate: meta.DeletionDate }),
  };
}

/** The tags of a key's owner, and what Keystead's own says. */
export function describedTags(tags: readonly Tag[]): Pick<ManagedKey, 'tags' | 'nameTag'> {
  const all = tags.map(({ TagKey = '', TagValue = '' }) => [TagKey, TagValue] as const);
  const nameTag = all.find(([name]) => name === NAME_TAG)?.[1];
  return {
    tags: Object.fromEntries(all.filter(([name]) => name !== NAME_TAG && !name.startsWith('aws:'))),
    ...(nameTag === undefined ? {} : { nameTag }),
  };
}

/** The value of `NAME_TAG` for a name. */
export function nameTagOf(name: string): string {
  return name.startsWith(ALIAS) ? name.slice(ALIAS.length) : name;
}

export function isAlias(name: string): boolean {
  return name.startsWith(ALIAS);
}
