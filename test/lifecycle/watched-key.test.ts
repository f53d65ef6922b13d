import t from 'tap';
import type { Declaration } from '../../src/lifecycle/declaration.ts';
import { Family } from '../../src/lifecycle/family.ts';
import { WatchedKey } from '../../src/lifecycle/watched-key.ts';
import { memoryKeyAdmin } from '../../src/providers/memory/key-admin.ts';
import { testCall } from '../support/services.ts';

const call = testCall();

t.test('a query is answered by what was seen for fifteen seconds, an apply and an id never', async (t) => {
  let now = Date.UTC(2030, 0, 1);
  const clock = { now: () => new Date(now), sleep: async () => {} };
  const admin = memoryKeyAdmin({ clock });
  const declaration: Declaration = {
    id: 'kms_key:one',
    uri: { scheme: 'kms', provider: 'aws', keyName: 'alias/one' },
    name: 'alias/one',
    wanted: 'running',
    spec: {},
    deletionDays: 30,
    keepsOnTermination: false,
    keepsOnUpdate: false,
    parents: [],
    particle: true,
  };
  const family = new Family([declaration], async () => admin);
  const key = new WatchedKey({ family, declaration, admin, clock, marks: false });
  t.equal(await key.state(false, call), 'terminated');
  await key.apply({}, call);
  t.equal(await key.state(false, call), 'running');

  const found = await admin.find('alias/one', [], call);
  if (found === undefined) return t.fail('it was made');
  await admin.update('alias/one', found, { enabled: false }, call);
  now += 14_999;
  t.equal(await key.state(false, call), 'running', 'trusted');
  now += 1;
  t.equal(await key.state(false, call), 'stopped', 'seen again');

  await admin.update('alias/one', found, { enabled: true }, call);
  t.equal(await key.state(true, call), 'running', 'fresh');
  await admin.terminate('alias/one', found, 7, call);
  t.equal(await key.attributes(call), undefined);
  await key.apply({}, call);
  t.not((await key.attributes(call))?.id, found.id, 'an id is that of the key that is there now');
});
