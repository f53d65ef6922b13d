import t from 'tap';
import { KeysteadError } from '../../../src/core/errors.ts';
import { KekWard, type Taker } from '../../../src/server/workers/kek-ward.ts';
import type { PlainKek } from '../../../src/server/workers/protocol.ts';

const plain = (fill: number): PlainKek => ({
  masterSecret: new Uint8Array(32).fill(fill),
  salt: new Uint8Array(32).fill(9),
});

/** A worker that remembers what it took, unless it is told to refuse. */
function worker(refuse?: KeysteadError) {
  const taken: (number | undefined)[] = [];
  const state = { killed: false };
  const taker: Taker = {
    async take(kek) {
      if (refuse !== undefined) throw refuse;
      taken.push(kek.masterSecret[0]);
    },
    kill() {
      state.killed = true;
    },
  };
  return { taker, taken, state };
}

t.test('what one worker is brought, all have before it is answered', async (t) => {
  const [a, b, c] = [worker(), worker(), worker()];
  const ward = new KekWard(undefined);
  t.equal(ward.plain(), undefined);
  await ward.bring(plain(1), a.taker, () => [a.taker, b.taker, c.taker]);
  t.same([a.taken, b.taken, c.taken], [[1], [1], [1]]);
  t.equal(ward.plain()?.masterSecret[0], 1, 'and a later one starts with it');
});

t.test('of two at once the first wins, and the second is left to its worker', async (t) => {
  const [a, b] = [worker(), worker()];
  const ward = new KekWard(undefined);
  const workers = () => [a.taker, b.taker];
  const second = plain(2);
  await Promise.all([ward.bring(plain(1), a.taker, workers), ward.bring(second, b.taker, workers)]);
  t.same([a.taken, b.taken], [[1], [1]]);
  t.same(second.masterSecret, new Uint8Array(32), 'what is not kept is wiped');
});

t.test('what its own worker refuses is given to nobody, and the next may come', async (t) => {
  const refusing = worker(new KeysteadError('fingerprint-mismatch', 'no'));
  const other = worker();
  const ward = new KekWard(undefined);
  const bad = plain(1);
  const workers = () => [refusing.taker, other.taker];
  await t.rejects(ward.bring(bad, refusing.taker, workers), { name: 'KeysteadError', reason: 'fingerprint-mismatch' });
  t.same(other.taken, []);
  t.equal(ward.plain(), undefined);
  t.same(bad.masterSecret, new Uint8Array(32));
  await ward.bring(plain(2), other.taker, () => [other.taker]);
  t.equal(ward.plain()?.masterSecret[0], 2);
});

t.test('a worker that cannot take the KEK of its service is ended', async (t) => {
  const [good, broken] = [worker(), worker(new KeysteadError('closing', 'gone'))];
  const ward = new KekWard(undefined);
  await ward.bring(plain(1), good.taker, () => [good.taker, broken.taker]);
  t.ok(broken.state.killed);
  t.notOk(good.state.killed);
});

t.test('the ward wipes what it kept', async (t) => {
  const a = worker();
  const ward = new KekWard(undefined);
  await ward.bring(plain(1), a.taker, () => [a.taker]);
  const kept = ward.plain() as PlainKek;
  ward.dispose();
  t.same(kept.masterSecret, new Uint8Array(32));
  t.equal(ward.plain(), undefined);
});
