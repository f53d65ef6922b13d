import type { ManagedKey } from '../core/key-admin.ts';
import type { KeyDocument } from './schema.ts';

/**
 * A declaration of a key that exists, as it is: applied, it changes nothing. What its provider does not have, and what
 * cannot be changed and is as everywhere, is left out.
 *
 * @param uri by which the key is reached.
 */
export function adoptedKey(uri: string, key: ManagedKey): KeyDocument {
  const { state, description, tags, policy, rotationDays, spec, usage, origin, customKeyStoreId, multiRegion } = key;
  return {
    key: uri,
    state: state === 'pending' ? 'running' : state,
    ...(description === undefined || description === '' ? {} : { description }),
    ...(tags === undefined || Object.keys(tags).length === 0 ? {} : { tags: { ...tags } }),
    ...(policy === undefined ? {} : { policy }),
    ...(spec === undefined ? {} : { spec }),
    ...(usage === undefined ? {} : { usage }),
    ...(origin === undefined ? {} : { origin }),
    ...(customKeyStoreId === undefined ? {} : { customKeyStoreId }),
    ...(multiRegion === true ? { multiRegion } : {}),
    ...(rotationDays === undefined ? {} : { rotationDays }),
  };
}
