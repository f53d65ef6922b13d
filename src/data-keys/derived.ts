import { KeysteadError } from '../core/errors.ts';
import type { DerivingKek, Kek } from '../core/kek.ts';
import type { DataKeys } from './data-keys.ts';

/**
 * Data keys derived from the KEK: nothing is stored, so every id exists already, in every length.
 * `create: "must"` is therefore always refused, `list` is always empty, and the one version is the KEK's.
 */
export function derivedDataKeys(deps: { kek: DerivingKek & Pick<Kek, 'uri' | 'check'> }): DataKeys {
  const { kek } = deps;
  return {
    async get({ id, length, version, create }) {
      if (create === 'must') {
        throw new KeysteadError(
          'data-key-exists',
          'derived data keys exist for every id; ask with create "if-missing"',
        );
      }
      const key = kek.derive(id, length);
      if (version !== undefined && version !== kek.version) {
        key.dispose();
        throw new KeysteadError(
          'no-version',
          `there is no version ${version}; derived data keys have version ${kek.version}`,
        );
      }
      return { id, version: kek.version, key, created: false, source: 'derived' };
    },
    async describe(id, call) {
      await kek.check(call);
      return { id, version: kek.version, source: 'derived', kek: kek.uri, kekVersion: String(kek.version) };
    },
    async list(_prefix, _from, _limit, call) {
      await kek.check(call);
      return { items: [] };
    },
  };
}
