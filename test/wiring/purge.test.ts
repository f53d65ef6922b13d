import t from 'tap';
import { FakeClock } from '../support/fake-clock.ts';
import { rememberingAudit, testCall, testServices } from '../support/services.ts';

const call = testCall();
const HOUR = 3_600_000;
const DAY = 24 * HOUR;

t.test('a deleted key is purged after its time without anybody calling, and never before', async (t) => {
  const clock = new FakeClock();
  const audit = rememberingAudit();
  const records = { deletionWindow: 7, constellation: false };
  const services = await testServices(t, { kms: 'kms://cluster-kms?mode=wrap', records }, { clock, audit });
  for (const id of ['a', 'b']) {
    const { key } = await services.dataKeys.get({ id, length: 32, create: 'must' }, call);
    key.dispose();
  }
  const { etag } = await services.dataKeys.describe('a', call);
  const { purgeAt } = await services.dataKeys.delete('a', etag ?? '', call);
  const pass = async (until: Date) => {
    while (clock.now() < until) {
      await clock.advance(Math.min(HOUR, until.getTime() - clock.now().getTime()));
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    }
  };
  const purges = () => audit.events.filter(({ resource }) => resource === '*');
  const changed = () => purges().map(({ details }) => details?.['changed']);
  t.equal(purgeAt.getTime() - clock.now().getTime(), 7 * DAY);

  await pass(new Date(purgeAt.getTime() - 1));
  t.ok(changed().length >= 6, 'it was looked for every day');
  t.ok(changed().every((n) => n === 0));
  t.match(await services.dataKeys.restore('a', call), { state: 'active', version: 1 }, 'to its last moment');
  const again = await services.dataKeys.describe('a', call);
  const second = await services.dataKeys.delete('a', again.etag ?? '', call);

  await pass(new Date(second.purgeAt.getTime() + 2 * DAY));
  const done = purges().filter(({ details }) => details?.['changed'] === 1);
  t.equal(done.length, 1);
  t.match(done[0], { action: 'data-key.delete', principal: { name: 'keystead' }, listener: 'internal', outcome: 'ok' });
  t.ok((done[0]?.time ?? 0) > second.purgeAt);
  t.ok((await services.dataKeys.get({ id: 'b', length: 32, create: 'never' }, call)).key.length === 32);
});
