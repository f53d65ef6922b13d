import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import type { DataKeys } from '../../src/data-keys/data-keys.ts';
import { unavailableWhenAway } from '../../src/data-keys/when-away.ts';
import { dataKeysSuite } from '../conformance/data-keys.ts';
import { testCall } from '../support/services.ts';
import { storedHouse } from '../support/stored-house.ts';

const call = testCall();

dataKeysSuite(t, async (t) => unavailableWhenAway((await storedHouse(t)).dataKeys));

t.test('whatever is asked while KMS or store is away is answered with unavailable and when to come back', async (t) => {
  const fails = () => Promise.reject(new KeysteadError('kms-timeout', 'no answer'));
  const away: DataKeys = {
    get: fails,
    describe: fails,
    list: fails,
    rotate: fails,
    rewrap: fails,
    delete: fails,
    restore: fails,
  };
  const dataKeys = unavailableWhenAway(away);
  const all: Promise<unknown>[] = [
    dataKeys.get({ id: 'a', length: 32, create: 'never' }, call),
    dataKeys.describe('a', call),
    dataKeys.list('', undefined, 1, call),
    dataKeys.rotate('a', call),
    dataKeys.rewrap('a', call),
    dataKeys.delete('a', 'etag', call),
    dataKeys.restore('a', call),
  ];
  for (const one of all) await t.rejects(() => one, { reason: 'kms-unreachable', code: 'unavailable', retryAfter: 5 });
});
