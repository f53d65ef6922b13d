import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import { Guard } from '../../src/core/guard.ts';
import { watchDoor } from '../../src/core/health.ts';
import { adminsOnly } from '../../src/core/policy.ts';
import { openSystem, type SystemDeps } from '../../src/system/system.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { rememberingAudit, testAmbient, testCall } from '../support/services.ts';

const call = testCall();
const clock = new FakeClock();
const about = {
  version: '1.2.3',
  mode: 'wrap',
  kms: 'kms://fake',
  storage: 'storage://fake',
  development: false,
} as const;

function door(name: 'kms' | 'storage', error?: KeysteadError) {
  const check = () => (error === undefined ? Promise.resolve() : Promise.reject(error));
  return watchDoor({ name, uri: `${name}://fake`, check, clock });
}

function system(over: Partial<SystemDeps> = {}) {
  const guard = new Guard({ policy: adminsOnly, audit: rememberingAudit(), clock });
  const { random } = testAmbient();
  const doors = [door('kms'), door('storage')];
  return openSystem({ guard, kek: { uri: 'kms://fake' }, doors, random, clock, about, ...over });
}

const denied = new KeysteadError('provider-denied', 'key a: AWS does not permit it (kms:Decrypt)');
const noBucket = new KeysteadError('no-bucket', 'bucket b: there is no such bucket');

t.test('a service whose doors answer is ready, and says how each of them does', async (t) => {
  const status = await system().status(call);
  t.match(status, { ...about, state: 'ready', startedAt: clock.now(), reason: undefined });
  t.match(status.doors, [
    { name: 'kms', uri: 'kms://fake', state: 'ready' },
    { name: 'storage', uri: 'storage://fake', state: 'ready' },
  ]);
});

t.test('a service with a failing door is not ready, and names the door, the time and the error', async (t) => {
  const { state, reason, doors } = await system({ doors: [door('kms'), door('storage', noBucket)] }).status(call);
  t.equal(state, 'not-ready');
  t.equal(
    reason,
    'the storage fails its check since 2030-01-01T00:00:00.000Z, the last time after 0 ms: bucket b: there is no such bucket',
  );
  t.match(doors, [{ state: 'ready' }, { state: 'failing', operation: 'check', lastError: noBucket.message }]);
  const both = await system({ doors: [door('kms', denied), door('storage', noBucket)] }).status(call);
  t.match(both.reason, /^the kms fails .*kms:Decrypt/);
  t.match(both.doors, [{ lastError: denied.message }, { lastError: noBucket.message }]);
});

t.test('a sealed service says what it waits for, and no more', async (t) => {
  const sealed = new KeysteadError('sealed', 'the service has no KEK yet');
  t.match(await system({ doors: [door('kms', sealed)] }).status(call), { state: 'sealed', reason: sealed.message });
});

t.test('a service that is closing, or cannot write its audit trail, is not ready whatever its doors say', async (t) => {
  t.match(await system({ closing: () => true }).status(call), { state: 'not-ready', reason: /closing/ });
  const audit = { failure: () => new Error('disk full') };
  t.match(await system({ audit: audit as never }).status(call), { state: 'not-ready', reason: /audit trail/ });
});

t.test('a KEK that lives in a cloud is bootstrapped by nobody', async (t) => {
  await t.rejects(system().bootstrap({ generate: true }, call), {
    reason: 'not-supported',
    message: /keeps its own key/,
  });
});
