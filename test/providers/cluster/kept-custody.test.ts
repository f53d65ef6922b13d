import t, { type Test } from 'tap';
import { KeysteadError } from '../../../src/core/errors.ts';
import type { MasterSecret } from '../../../src/core/kek.ts';
import type { KekPlace, KekSight } from '../../../src/core/kek-place.ts';
import type { AcceptKek } from '../../../src/providers/cluster/kek.ts';
import { KeptCustody } from '../../../src/providers/cluster/kept-custody.ts';
import { kekOf } from '../../conformance/kek-place.ts';
import { sealedClusterKek } from '../../support/cluster-kek.ts';
import { failure } from '../../support/failure.ts';
import { testAmbient, testCall } from '../../support/services.ts';

const call = testCall();

/** A place in memory: a test says when it is looked at. */
class Place implements KekPlace {
  readonly name = 'the Secret keystead/kek';
  held: string | undefined;
  away = false;
  seen: (sight: KekSight) => Promise<void> = async () => {};

  async read(): Promise<MasterSecret | undefined> {
    if (this.away) throw new KeysteadError('kek-secret-unreachable', 'the API server cannot be asked');
    return this.held === undefined ? undefined : kekOf(this.held);
  }

  async create(kek: MasterSecret): Promise<boolean> {
    await this.read();
    if (this.held !== undefined) return false;
    this.held = ['a', 'b'].find((name) => kekOf(name).masterSecret.equals(kek.masterSecret)) ?? 'unknown';
    return true;
  }

  watch(seen: (sight: KekSight) => Promise<void>) {
    this.seen = seen;
    return { close: async () => {} };
  }

  look(): Promise<void> {
    return this.seen(this.held === undefined ? { absent: true } : { kek: kekOf(this.held) });
  }
}

function scene(t: Test, accept?: AcceptKek) {
  const place = new Place();
  const kek = sealedClusterKek(t, accept);
  const said: string[] = [];
  const log = {
    info: (_fields: object, message: string) => void said.push(message),
    error: (_fields: object, message: string) => void said.push(message),
  };
  const custody = new KeptCustody({ kek, place, clock: testAmbient().clock, log, ownCall: () => call });
  const give = (name: string) => custody.bootstrap(kekOf(name).masterSecret, kekOf(name).salt, call);
  return { place, kek, custody, said, give };
}

t.test('a KEK that is brought is in the place before it is taken', async (t) => {
  const { place, kek, give } = scene(t);
  place.away = true;
  await t.rejects(give('a'), failure('kek-secret-unreachable'));
  t.equal(kek.info(), undefined);
  place.away = false;
  const info = await give('a');
  t.equal(place.held, 'a');
  t.same(await give('a'), info);
  await t.rejects(give('b'), failure('kek-exists'));
  t.equal(place.held, 'a');
});

t.test('where the place holds another KEK, nothing is taken and nothing changed', async (t) => {
  const { place, kek, give } = scene(t);
  place.held = 'b';
  await t.rejects(give('a'), failure('kek-exists', /the Secret keystead\/kek holds another KEK, with fingerprint/));
  t.equal(kek.info(), undefined);
  t.equal(place.held, 'b');
});

t.test('a place that does not show what was written is not believed', async (t) => {
  const { place, kek, give } = scene(t);
  place.create = async () => true;
  await t.rejects(give('a'), failure('kek-secret-unreachable', /does not show yet/));
  t.equal(kek.info(), undefined);
});

t.test('a KEK that is not fit for the service is not written anywhere', async (t) => {
  const claims: boolean[] = [];
  const { place, give } = scene(t, async (_info, _call, claim) => {
    claims.push(claim);
    throw new KeysteadError('fingerprint-mismatch', 'the store belongs to another');
  });
  await t.rejects(give('a'), failure('fingerprint-mismatch'));
  t.equal(place.held, undefined);
  t.same(claims, [false], 'and the store was only asked');
});

t.test('a sealed service takes the KEK that appears', async (t) => {
  const { place, kek, said, give } = scene(t);
  await place.look();
  t.throws(() => kek.derive('x', 32), failure('sealed', /bootstrap/));
  place.held = 'a';
  await place.look();
  t.equal(kek.derive('x', 32).length, 32);
  t.same(said, ['the KEK was taken from the Secret keystead/kek']);
  await t.resolves(give('a'));
});

t.test('while it cannot be seen, a sealed service says why, and another one goes on', async (t) => {
  const { place, kek, said } = scene(t);
  const away = new KeysteadError('kek-secret-unreachable', 'the API server cannot be asked (ECONNREFUSED)');
  await place.seen({ away });
  await place.seen({ away });
  t.throws(() => kek.derive('x', 32), failure('sealed', /no KEK yet: the API server cannot be asked \(ECONNREFUSED\)/));
  t.same(said, [away.message], 'once');
  place.held = 'a';
  await place.look();
  await place.seen({ away });
  t.equal(kek.derive('x', 32).length, 32);
});

t.test('while the place holds another KEK, or none that is one, nothing succeeds; then everything does', async (t) => {
  const { place, kek, give } = scene(t);
  await give('a');
  const before = kek.derive('x', 32);
  const unfit = new KeysteadError('bad-salt', 'salt in the Secret keystead/kek is not there');
  for (const wrong of [
    async () => {
      place.held = 'b';
      await place.look();
    },
    () => place.seen({ unfit }),
  ]) {
    await wrong();
    const refused = failure('fingerprint-mismatch', /the Secret keystead\/kek is not the KEK of this service/);
    t.throws(() => kek.derive('x', 32), refused);
    await t.rejects(kek.wrap(before, {}), refused);
    await t.rejects(kek.check(), refused);
    place.held = 'a';
    await place.look();
    t.ok(kek.derive('x', 32).equals(before));
  }
});

t.test('a place that was emptied changes nothing but what is said, and takes the same KEK again', async (t) => {
  const { place, kek, said, give } = scene(t);
  await give('a');
  place.held = undefined;
  await place.look();
  t.equal(kek.derive('x', 32).length, 32);
  t.match(said.at(-1), /is gone: a restarted service will be sealed; bootstrap the same KEK again/);
  await t.rejects(give('b'), failure('kek-exists'));
  await give('a');
  t.equal(place.held, 'a');
});

t.test('the report says whether a service that starts now would have the KEK, and since when', async (t) => {
  const { place, custody, give } = scene(t);
  const name = place.name;
  t.match(custody.report(), { name, state: 'unseen', problem: undefined });
  await place.look();
  t.match(custody.report(), { name, state: 'absent', problem: undefined }, 'it waits for people, which is no problem');
  await give('a');
  await place.look();
  const held = custody.report();
  t.match(held, { name, state: 'held', problem: undefined });
  await place.look();
  t.equal(custody.report().since, held.since);
  await place.seen({ away: new KeysteadError('kek-secret-unreachable', 'see its Role') });
  t.match(custody.report(), { state: 'unseen', problem: 'see its Role' });
  place.held = 'b';
  await place.look();
  t.match(custody.report(), { state: 'other', problem: /is not the KEK of this service/ });
  place.held = undefined;
  await place.look();
  t.match(custody.report(), { state: 'absent', problem: /is gone: a restarted service will be sealed/ });
  place.held = 'a';
  await place.look();
  t.match(custody.report(), { state: 'held', problem: undefined });
});

t.test('what may pass keeps the service sealed and brings another look', async (t) => {
  let away = true;
  const { place, kek } = scene(t, async () => {
    if (away) throw new KeysteadError('store-unreachable', 'the store is away');
  });
  place.held = 'a';
  await t.rejects(place.look(), failure('store-unreachable'));
  t.equal(kek.info(), undefined);
  away = false;
  await place.look();
  t.ok(kek.info());
});
