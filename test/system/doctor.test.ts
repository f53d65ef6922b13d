import t from 'tap';
import { KeysteadError, type Reason } from '../../src/core/errors.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import { memoryStore } from '../../src/providers/memory/store.ts';
import { type DoctorDeps, examine, type Step, worstExit } from '../../src/system/doctor.ts';
import type { Network } from '../../src/system/doctor-network.ts';
import { failure } from '../support/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeKek } from '../support/fake-kek.ts';
import { faultyStore } from '../support/faulty-store.ts';
import { testAmbient, testCall } from '../support/services.ts';

const call = testCall();
const broken = (code: string) => () => Promise.reject(Object.assign(new Error('as Node says it'), { code }));

interface World {
  readonly kek?: FakeKek;
  readonly store?: WrappedKeyStore;
  readonly network?: Partial<Network>;
  readonly deps?: Partial<DoctorDeps>;
}

async function steps({ kek = new FakeKek(), store = memoryStore(), network = {}, deps = {} }: World = {}) {
  const clock = new FakeClock();
  const told: Step[] = [];
  const all = await examine(
    {
      assertMode: () => {},
      kms: { uri: kek.uri, address: new URL('https://kms.test'), remote: true, open: async () => kek },
      storage: { uri: store.uri, address: new URL('http://[::1]:9'), remote: true, open: async () => store },
      network: {
        resolve: async (host) => [`of ${host}`],
        connect: async ({ protocol }) => `connected by ${protocol}`,
        date: async () => clock.now(),
        ...network,
      },
      clock,
      random: testAmbient().random,
      tell: (step) => told.push(step),
      ...deps,
    },
    call,
  );
  return { all, told };
}

const short = (all: readonly Step[], door: Step['door']) =>
  all.filter((step) => step.door === door).map(({ step, status }) => `${step} ${status}`);

t.test('a good configuration passes every step, each told as soon as it is done', async (t) => {
  const closed: string[] = [];
  const kek = new FakeKek();
  kek.close = async () => void closed.push('kms');
  const store = memoryStore();
  const closing = { ...store, close: async () => void closed.push('storage') };
  const { all, told } = await steps({ kek, store: closing });
  t.same(told, all);
  t.same(closed, ['kms', 'storage']);
  const list = (...names: string[]) => names.map((name) => `${name} ok`);
  t.same(short(all, 'service'), list('configuration'));
  const kms = ['name resolution', 'TLS', 'clock', 'open', 'credentials', 'wrap', 'unwrap', 'describe'];
  t.same(short(all, 'kms'), list(...kms));
  const probes = ['check', 'read', 'create', 'conditional create', 'conditional replace', 'list', 'delete'];
  t.same(short(all, 'storage'), list('name resolution', 'connection', 'clock', 'open', 'credentials', ...probes));
  t.match(
    all.find(({ step }) => step === 'name resolution'),
    { detail: 'kms.test: of kms.test' },
  );
  t.match(
    all.find(({ step, door }) => step === 'name resolution' && door === 'storage'),
    { detail: '::1: of ::1' },
  );
  t.equal(worstExit(all), 0);
  t.same((await store.list('keystead-doctor', undefined, 10, call)).items, [], 'and leaves nothing behind');
});

t.test('where there is no way to the server the rest is skipped, not failed', async (t) => {
  const rows: readonly [Partial<Network>, string, RegExp][] = [
    [{ resolve: broken('ENOTFOUND') }, 'name resolution', /^kms\.test: there is no such name; check region/],
    [{ connect: broken('UNABLE_TO_VERIFY_LEAF_SIGNATURE') }, 'TLS', /not trusted; give its CA/],
    [{ connect: broken('EODD') }, 'TLS', /it failed \(EODD\)/],
  ];
  for (const [network, failing, detail] of rows) {
    const { all } = await steps({ network });
    const kms = all.filter(({ door }) => door === 'kms');
    const failed = kms.filter(({ status }) => status === 'failed');
    t.match(failed, [{ step: failing, reason: 'kms-unreachable', detail }]);
    t.ok(kms.slice(kms.indexOf(failed[0] as Step) + 1).every(({ status }) => status === 'skipped'));
    t.equal(worstExit(all), 75);
  }
});

t.test('a clock that is off is found, a little with a word, five minutes as a failure', async (t) => {
  const ahead = (seconds: number) => ({ date: async () => new Date(Date.UTC(2030, 0, 1) - seconds * 1000) });
  const clockOf = async (network: Partial<Network>) =>
    (await steps({ network })).all.find(({ step }) => step === 'clock');
  t.match(await clockOf(ahead(29)), { status: 'ok', detail: 'agrees with the server' });
  t.match(await clockOf(ahead(-60)), { status: 'ok', detail: "60 s behind the server's; better set it" });
  t.match(await clockOf(ahead(600)), {
    status: 'failed',
    reason: 'clock-skew',
    detail: "the clock of this machine is 600 s ahead of the server's; set it, by NTP",
  });
  t.match(await clockOf({ date: async () => undefined }), { status: 'ok', detail: /does not tell the time/ });
  t.match(await clockOf({ date: broken('ECONNRESET') }), { status: 'ok', detail: /does not tell the time/ });
});

t.test('credentials that are refused are told once, and nothing is tried with them', async (t) => {
  for (const wrap of ['provider-credentials', 'credentials-expired', 'no-credentials'] as Reason[]) {
    const kek = new FakeKek();
    kek.fails = { wrap };
    const { all } = await steps({ kek });
    const rest = ['credentials failed', 'wrap skipped', 'unwrap skipped', 'describe skipped'];
    t.same(short(all, 'kms').slice(-4), rest);
    t.same(kek.calls, ['wrap']);
    t.equal(worstExit(all), 77);
  }
});

t.test('each permission of the KMS is told for itself', async (t) => {
  const rows: readonly [FakeKek['fails'], string[]][] = [
    [{ wrap: 'provider-denied' }, ['credentials ok', 'wrap failed', 'unwrap skipped', 'describe ok']],
    [{ unwrap: 'provider-denied' }, ['credentials ok', 'wrap ok', 'unwrap failed', 'describe ok']],
    [{ check: 'provider-denied' }, ['credentials ok', 'wrap ok', 'unwrap ok', 'describe failed']],
    [{ wrap: 'no-kek' }, ['credentials ok', 'wrap failed', 'unwrap skipped', 'describe skipped']],
    [{ wrap: 'key-stopped' }, ['credentials skipped', 'wrap failed', 'unwrap skipped', 'describe ok']],
    [{ wrap: 'kms-timeout' }, ['credentials skipped', 'wrap failed', 'unwrap skipped', 'describe skipped']],
  ];
  for (const [fails, wanted] of rows) {
    const kek = new FakeKek();
    kek.fails = fails;
    t.same(short((await steps({ kek })).all, 'kms').slice(-4), wanted);
  }
  const kek = new FakeKek();
  kek.lies = true;
  const { all } = await steps({ kek });
  t.match(
    all.find(({ step }) => step === 'unwrap'),
    { status: 'failed', reason: 'kms-bad-answer', detail: /other bytes/ },
  );
});

t.test('a check that only says again what was said is not a second failure', async (t) => {
  const kek = new FakeKek();
  const no = (): Promise<never> => Promise.reject(new KeysteadError('provider-denied', 'key a: denied (kms:Encrypt)'));
  kek.wrap = no;
  kek.check = no;
  t.same(short((await steps({ kek })).all, 'kms').slice(-3), ['wrap failed', 'unwrap skipped', 'describe skipped']);
});

t.test('a service that waits for its KEK is no failure', async (t) => {
  const kek = new FakeKek();
  kek.fails = { wrap: 'sealed', check: 'sealed' };
  const { all } = await steps({ kek });
  t.same(short(all, 'kms').slice(-3), ['wrap skipped', 'unwrap skipped', 'describe skipped']);
  t.equal(worstExit(all), 0);
});

const denied = () => Promise.reject(new KeysteadError('provider-denied', 'bucket b: not permitted'));

t.test('each permission of the store is told for itself', async (t) => {
  const rows: readonly [Partial<WrappedKeyStore>, string[]][] = [
    [{ read: denied }, ['read', 'create']],
    [{ create: denied }, ['create']],
    [{ replace: denied }, ['conditional replace']],
    [{ list: denied }, ['list']],
    [{ delete: denied }, ['delete']],
    [{ check: denied }, ['check']],
  ];
  for (const [over, failing] of rows) {
    const { all } = await steps({ store: { ...memoryStore(), ...over } });
    const failed = all.filter(({ door, status }) => door === 'storage' && status === 'failed');
    t.same(
      failed.map(({ step }) => step),
      failing,
    );
    t.equal(worstExit(all), 77);
  }
  const { all } = await steps({ store: { ...memoryStore(), delete: denied } });
  t.match(all.at(-1), { step: 'tidy up', detail: /keystead-doctor-[0-9a-f]{16}\.json stays behind/ });
});

t.test('a store that lies is found', async (t) => {
  const rows: readonly [WrappedKeyStore, string, RegExp][] = [
    [
      faultyStore(memoryStore(), (operation, n) => (operation === 'create' && n > 1 ? 'overwrites' : undefined)),
      'conditional create',
      /overwrites/,
    ],
    [
      faultyStore(memoryStore(), (operation) => (operation === 'create' ? 'pretends' : undefined)),
      'create',
      /does not show/,
    ],
    [
      { ...memoryStore(), read: async () => ({ bytes: Uint8Array.of(1), etag: 'a' }) },
      'create',
      /gives back other bytes/,
    ],
    [{ ...memoryStore(), replace: async () => {} }, 'conditional replace', /replaces a record that has changed/],
    [{ ...memoryStore(), list: async () => ({ items: [] }) }, 'list', /does not list/],
    [{ ...memoryStore(), delete: async () => {} }, 'delete', /still shows/],
  ];
  for (const [store, step, detail] of rows) {
    const { all } = await steps({ store });
    t.match(
      all.find((one) => one.step === step),
      { status: 'failed', reason: 'not-supported', detail },
      step,
    );
    t.equal(worstExit(all), 69);
  }
});

t.test('a bucket that is not there makes everything else pointless', async (t) => {
  const check = () => Promise.reject(new KeysteadError('no-bucket', 'bucket b: there is no such bucket; create it'));
  const { all } = await steps({ store: { ...memoryStore(), check } });
  const storage = short(all, 'storage').slice(4);
  t.same(storage.slice(0, 3), ['credentials ok', 'check failed', 'read skipped']);
  t.ok(storage.slice(2).every((line) => line.endsWith('skipped')));
  t.equal(worstExit(all), 66);
});

t.test('a door that does not open, and URIs that do not go together, are told', async (t) => {
  const { all } = await steps({
    deps: {
      assertMode: () => {
        throw new KeysteadError('bad-config', 'they do not go together');
      },
      kms: {
        uri: 'kms://fake',
        remote: true,
        open: () => Promise.reject(new KeysteadError('sdk-not-installed', 'run: npm install it')),
      },
    },
  });
  t.match(all[0], { door: 'service', status: 'failed', reason: 'bad-config' });
  t.same(short(all, 'kms'), ['name resolution skipped', 'open failed']);
  t.equal(worstExit(all), 64);
});

t.test('what stays broken is worse than what may pass', async (t) => {
  const step = (reason: Reason): Step => ({ door: 'kms', step: 'a', status: 'failed', ms: 0, reason });
  t.equal(worstExit([step('kms-unreachable'), step('provider-denied')]), 77);
  t.equal(worstExit([step('kms-unreachable')]), 75);
});

t.test('whoever goes away ends the examination', async (t) => {
  const kek = new FakeKek();
  kek.fails = { wrap: 'client-gone' };
  await t.rejects(steps({ kek }), failure('client-gone'));
});
