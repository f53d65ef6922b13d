import type { Test } from 'tap';
import type { MasterSecret } from '../../src/core/kek.ts';
import type { KekPlace, KekSight } from '../../src/core/kek-place.ts';
import { secretOf } from '../support/cluster-kek.ts';
import { failure } from '../support/failure.ts';
import { testCall } from '../support/services.ts';

/** A place, and what people do to it besides. */
export interface PlaceScene {
  readonly place: KekPlace;
  /** Undefined removes what is there. Entries are raw bytes. */
  put(data: Readonly<Record<string, Uint8Array>> | undefined): Promise<void>;
}

const call = testCall();
/** A master secret that is the same for the same name. */
export const kekOf = (name: string): MasterSecret => ({
  masterSecret: secretOf(`master secret ${name}`),
  salt: secretOf(`salt ${name}`),
});
/** The entries of a Secret with it. */
export const entriesOf = (name: string) => {
  const { masterSecret, salt } = kekOf(name);
  return { mastersecret: masterSecret.expose(), salt: salt.expose() };
};
const same = (a: MasterSecret | undefined, b: MasterSecret) =>
  a?.masterSecret.equals(b.masterSecret) === true && a.salt.equals(b.salt);

/** Every promise of the contract, for any place. `open` gives an empty one. */
export function kekPlaceSuite(t: Test, open: (t: Test) => Promise<PlaceScene>): void {
  t.test('what was created is read, and never written over', async (t) => {
    const { place } = await open(t);
    t.equal(await place.read(call), undefined);
    t.equal(await place.create(kekOf('a'), call), true);
    t.ok(same(await place.read(call), kekOf('a')));
    t.equal(await place.create(kekOf('b'), call), false);
    t.ok(same(await place.read(call), kekOf('a')));
  });

  t.test('of many who create at once one wins', async (t) => {
    const { place } = await open(t);
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const won = await Promise.all(names.map((name) => place.create(kekOf(name), call)));
    t.equal(won.filter(Boolean).length, 1);
    t.ok(same(await place.read(call), kekOf(names[won.indexOf(true)] ?? 'none')));
  });

  t.test('what is no master secret is named, and not taken for nothing', async (t) => {
    const { place, put } = await open(t);
    const { mastersecret, salt } = entriesOf('a');
    for (const [data, reason] of [
      [{ mastersecret }, 'bad-salt'],
      [{ salt }, 'bad-master-secret'],
      [{ mastersecret: mastersecret.subarray(0, 15), salt }, 'bad-master-secret'],
      [{ mastersecret, salt: salt.subarray(0, 31) }, 'bad-salt'],
      [{}, 'bad-master-secret'],
    ] as const) {
      await put(data);
      await t.rejects(place.read(call), failure(reason, /(mastersecret|salt) in the Secret .*\/.* is /));
      t.equal(await place.create(kekOf('b'), call), false);
      await put(undefined);
    }
  });

  t.test('a watch sees what is there and every change, until it is closed', async (t) => {
    const { place, put } = await open(t);
    const sights = new Sights();
    const watch = place.watch(sights.see);
    t.teardown(() => watch.close());
    t.equal(await sights.next(), 'absent');
    await place.create(kekOf('a'), call);
    t.ok(same(await sights.nextKek(), kekOf('a')));
    await put(undefined);
    t.equal(await sights.next(), 'absent');
    await put(entriesOf('b'));
    t.ok(same(await sights.nextKek(), kekOf('b')));
    await put({ mastersecret: Buffer.from('short') });
    t.equal(await sights.next(), 'unfit');
    await put(entriesOf('b'));
    t.ok(same(await sights.nextKek(), kekOf('b')));
    await watch.close();
    await put(undefined);
    t.equal(sights.waiting, 0);
  });
}

/** Sights in the order in which they came; the same thing seen twice counts once. */
class Sights {
  readonly #seen: KekSight[] = [];
  readonly #changed = new EventTarget();
  #last = '';

  get waiting(): number {
    return this.#seen.length;
  }

  readonly see = async (sight: KekSight): Promise<void> => {
    const { key } = described(sight);
    if (key === this.#last) return;
    this.#last = key;
    this.#seen.push(sight);
    this.#changed.dispatchEvent(new Event('change'));
  };

  async next(): Promise<string> {
    return described(await this.#take()).kind;
  }

  async nextKek(): Promise<MasterSecret | undefined> {
    const sight = await this.#take();
    return 'kek' in sight ? sight.kek : undefined;
  }

  async #take(): Promise<KekSight> {
    while (this.#seen.length === 0) {
      await new Promise((resolve) => this.#changed.addEventListener('change', resolve, { once: true }));
    }
    return this.#seen.shift() as KekSight;
  }
}

function described(sight: KekSight): { kind: string; key: string } {
  if ('kek' in sight) return { kind: 'kek', key: Buffer.from(sight.kek.masterSecret.expose()).toString('hex') };
  const kind = 'absent' in sight ? 'absent' : 'unfit' in sight ? 'unfit' : 'away';
  return { kind, key: kind };
}
