import { randomBytes } from 'node:crypto';
import t from 'tap';
import { sealedSessions } from '../../src/access/sealed-sessions.ts';
import { AwsCredentials } from '../../src/core/roles.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';

const random = { bytes: (length: number) => Uint8Array.from(randomBytes(length)) };

function shelves() {
  const clock = new FakeClock();
  let file: Uint8Array | undefined;
  const place = {
    read: async () => file,
    write: async (bytes: Uint8Array) => {
      file = bytes;
    },
  };
  const key = SecretBytes.own(random.bytes(32));
  const shelf = (base: string, with_ = key) =>
    sealedSessions(place, { key: with_, random, clock, base: async () => base });
  const session = (name: string) => {
    const expiration = new Date(clock.now().getTime() + 3_600_000);
    const keys = { accessKeyId: `ASIA${name}`, secretAccessKey: 'hush-secret', sessionToken: 'hush-token', expiration };
    return { key: name, label: name, arn: 'arn', account: '1', credentials: new AwsCredentials(keys) };
  };
  return { clock, place, shelf, session, file: () => file };
}

t.test('what is kept comes back, and nothing of it can be read', async (t) => {
  const { shelf, session, file } = shelves();
  t.same(await shelf('base').load(), []);
  await shelf('base').save([session('a'), session('b')]);
  const [a, b] = await shelf('base').load();
  t.match([a?.key, b?.credentials.expose()], ['a', { accessKeyId: 'ASIAb', secretAccessKey: 'hush-secret' }]);
  t.notMatch(Buffer.from(file() ?? []).toString('latin1'), /hush|ASIA/);
});

t.test('sessions of other base credentials are kept and not given, until they expire', async (t) => {
  const { shelf, session, clock } = shelves();
  await shelf('one').save([session('a')]);
  await shelf('two').save([session('b')]);
  t.same(
    (await shelf('one').load()).map(({ key }) => key),
    ['a'],
  );
  t.same(
    (await shelf('two').load()).map(({ key }) => key),
    ['b'],
  );
  await clock.advance(3_600_001);
  await shelf('two').save([]);
  t.same(await shelf('one').load(), []);
});

t.test('another key, or one changed bit, is an error', async (t) => {
  const { shelf, session, place, file } = shelves();
  await shelf('base').save([session('a')]);
  const other = shelf('base', SecretBytes.own(random.bytes(32)));
  await t.rejects(other.load(), failure('context-mismatch', /of another key, or was changed/));
  const changed = Uint8Array.from(file() ?? []);
  changed[20] = (changed[20] ?? 0) ^ 1;
  await place.write(changed);
  await t.rejects(shelf('base').load(), failure('context-mismatch'));
});
