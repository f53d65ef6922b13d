import t, { type Test } from 'tap';
import { KeyManager } from '../../src/key-manager/key-manager.ts';
import { RoundTripCipher } from '../../src/key-manager/round-trip-cipher.ts';
import { openKeyManagerStorage, openParameterSource } from '../../src/wiring/key-manager.ts';
import { systemRandom } from '../../src/wiring/system.ts';
import { keyAdmin, motoQuery, newBucket } from '../providers/aws/aws.ts';
import { emulators } from '../support/emulators.ts';
import { uriText } from '../support/opened-doors.ts';
import { rejection } from '../support/rejection.ts';

const env = { TEST_ACCESS_KEY: 'test' };

t.test('on moto', { timeout: 390_000 }, async (t) => {
  const emulated = await emulators(t, ['moto']);
  if (emulated === undefined) return;
  t.test('states and rings in S3, sealed by AWS KMS, outlive the process and are shared by workers', (t) =>
    sharedStates(t, emulated),
  );
  t.test('a secret of a parameter store is a key', (t) => secretOfAStore(t, emulated));
});

async function sharedStates(t: Test, emulated: Record<string, string>): Promise<void> {
  const at = motoQuery(emulated);
  const kms = uriText('kms://aws', { ...at, keyName: (await keyAdmin(t, emulated).create()).id });
  const storage = uriText('storage://aws', await newBucket(t, at));
  let value = 'the first key of the application';
  const worker = async () => {
    const opened = await openKeyManagerStorage({ kms, storage, env });
    t.teardown(() => opened.close());
    const manager = new KeyManager(opened);
    manager.defineKey({ name: 'K', store: () => value, useCase: 'ROUND_TRIP', stateless: false });
    const ring = opened.keyRing('K');
    return { manager, cipher: new RoundTripCipher({ manager, name: 'K', ring, random: systemRandom }) };
  };
  const [first, second] = [await worker(), await worker()];
  const sealed = await first.cipher.encrypt(Buffer.from('data'));
  await first.manager.saveState('K');
  value = 'another key of the application';
  await second.manager.getForwardPathKey('K');
  t.match(await rejection(second.manager.saveState('K')), { reason: 'concurrent-write' });
  t.equal(Buffer.from((await second.cipher.decrypt(sealed)).expose()).toString(), 'data');
  const third = await worker();
  t.equal((await third.manager.getKey('K')).text(), 'the first key of the application');
}

async function secretOfAStore(t: Test, emulated: Record<string, string>): Promise<void> {
  const { SSMClient, PutParameterCommand } = await import('@aws-sdk/client-ssm');
  const at = motoQuery(emulated);
  const client = new SSMClient({
    endpoint: at['endpoint'] as string,
    region: at['region'] as string,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  t.teardown(() => client.destroy());
  const place = `/app/session-${process.pid}`;
  await client.send(new PutParameterCommand({ Name: place, Value: 'from the store', Type: 'SecureString' }));
  const source = await openParameterSource({ uri: uriText('parameters://aws', at), place, env });
  t.teardown(() => source.close());
  const manager = new KeyManager();
  manager.defineKey({ name: 'session', store: source, useCase: 'ROUND_TRIP' });
  t.equal((await manager.getForwardPathKey('session')).text(), 'from the store');
  const nowhere = await openParameterSource({ uri: uriText('parameters://aws', at), place: `${place}-not`, env });
  t.teardown(() => nowhere.close());
  t.match(await rejection(Promise.resolve(nowhere.read())), { reason: 'bad-key-value', message: /has nothing at/ });
}
