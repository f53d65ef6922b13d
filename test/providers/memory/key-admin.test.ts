import t from 'tap';
import { memoryKeyAdmin } from '../../../src/providers/memory/key-admin.ts';
import { keyAdminSuite } from '../../conformance/key-admin.ts';
import { failure } from '../../support/failure.ts';
import { unique } from '../../support/opened-doors.ts';
import { testAmbient, testCall } from '../../support/services.ts';

const call = testCall();
const { clock } = testAmbient();

keyAdminSuite(
  t,
  {
    name: () => unique('key'),
    made: { description: 'of the test', tags: { team: 'web' }, policy: '{"a":1}', rotationDays: 90 },
    changed: { description: 'changed', tags: { env: 'x' }, policy: '{"a":2}', rotationDays: 180 },
    freesNames: true,
    days: 30,
  },
  async () => {
    const admin = memoryKeyAdmin({ clock });
    return [admin, admin];
  },
);

t.test('a key that is being deleted is not changed, and one that is not there is said so', async (t) => {
  const admin = memoryKeyAdmin({ clock });
  const key = await admin.create('a', {}, call);
  await admin.terminate('a', key, 7, call);
  await t.rejects(admin.update('a', key, { enabled: true }, call), failure('key-pending-deletion'));
  await t.rejects(admin.update('a', { ...key, id: 'other' }, { enabled: true }, call), failure('no-kek'));
});
