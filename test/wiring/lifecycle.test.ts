import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { applyLifecycle } from '../../src/wiring/lifecycle.ts';
import { motoQuery, secrets, unique } from '../providers/aws/aws.ts';
import { emulators } from '../support/emulators.ts';
import { failure } from '../support/failure.ts';
import { openedKeyAdmin, uriText } from '../support/opened-doors.ts';
import { testAmbient, testCall, testConfig } from '../support/services.ts';

const call = testCall();

t.test('a service has its declared keys made and mended before it starts, and stops none', async (t) => {
  const env = await emulators(t, ['moto']);
  if (env === undefined) return;
  const dir = mkdtempSync(join(tmpdir(), 'keystead-lifecycle-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const name = `alias/${unique('kek')}`;
  const key = uriText('kms://aws', { ...motoQuery(env), region: 'ap-south-1', keyName: name });
  const admin = await openedKeyAdmin(t, key, { secrets });
  const files = [join(dir, 'a.yaml'), join(dir, 'b.yaml')];
  const declare = (at: number, over: object) => writeFileSync(files[at] ?? '', JSON.stringify({ key, ...over }));
  const other = key.replace(name, `${name}-b`).replace(encodeURIComponent(name), encodeURIComponent(`${name}-b`));
  writeFileSync(files[1] ?? '', JSON.stringify({ key: other }));
  const told: unknown[] = [];
  const log = { info: (fields: object) => told.push(fields), warn() {}, error() {} };
  const start = () =>
    applyLifecycle(testConfig({ lifecycle: { files: files.join(' ') } }), testAmbient({ secrets }), log);

  declare(0, { tags: { team: 'web' }, rotationDays: 180 });
  await start();
  t.match(await admin.find(name, ['tags', 'rotation'], call), {
    state: 'running',
    tags: { team: 'web' },
    rotationDays: 180,
  });
  t.match(await admin.find(`${name}-b`, [], call), { state: 'running' });
  t.match(told, [
    { key: name, done: ['create'] },
    { key: `${name}-b`, done: ['create'] },
  ]);
  told.length = 0;
  await start();
  t.same(told, [], 'a second start has nothing to do');

  declare(0, { description: 'new' });
  await start();
  t.match(await admin.find(name, [], call), { description: 'new' });

  for (const state of ['stopped', 'terminated']) {
    declare(0, { state });
    await t.rejects(start(), failure('needs-confirmation', /stops and terminates no key at its start/));
    t.match(await admin.find(name, [], call), { state: 'running' });
  }
  declare(0, { colour: 'red' });
  await t.rejects(start(), failure('bad-declaration', /colour/));
});
