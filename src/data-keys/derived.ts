import { KeysteadError } from '../core/errors.ts';
import type { DerivingKek, Kek } from '../core/kek.ts';
import type { DataKeyJobs, DataKeys } from './data-keys.ts';

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
      return {
        id,
        version: kek.version,
        source: 'derived',
        kek: kek.uri,
        kekVersion: String(kek.version),
        state: 'active',
      };
    },
    async list(_prefix, _from, _limit, call) {
      await kek.check(call);
      return { items: [] };
    },
    rotate: () => nothingStored('they have one version, that of the KEK'),
    rewrap: () => nothingStored('there is nothing to wrap again'),
    delete: () => nothingStored('there is nothing to delete'),
    restore: () => nothingStored('there is nothing to restore'),
  };
}

/** Walks over no data keys: all of them say so. */
export function derivedDataKeyJobs(): DataKeyJobs {
  const refused = () => nothingStored('there is nothing to walk over');
  return { rewrapAll: refused, verifyAll: refused, purgeAll: refused, census: refused };
}

async function nothingStored(so: string): Promise<never> {
  throw new KeysteadError('nothing-stored', `derived data keys are computed and never stored, so ${so}`);
}
