import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { KeysteadError } from '../../src/core/errors.ts';
import type { CreateMode, DataKeys } from '../../src/data-keys/data-keys.ts';
import { explore } from '../support/explorer.ts';
import { conditional, keyModel, type Obeys, type Setup } from '../support/key-model.ts';
import { testCall } from '../support/services.ts';
import { hex, type Script, type Told } from '../support/stepped-client.ts';

const call = testCall();

const attempt =
  (work: (dataKeys: DataKeys) => Promise<Told>): Script =>
  async (dataKeys, tell) =>
    tell(await work(dataKeys).catch((error) => ({ reason: KeysteadError.from(error).reason })));
const inTurn =
  (...scripts: readonly Script[]): Script =>
  async (dataKeys, tell) => {
    for (const script of scripts) await script(dataKeys, tell);
  };
const getting = (create: CreateMode) =>
  attempt(async (dataKeys) => {
    const { version, key, created } = await dataKeys.get({ id: 'a', length: 8, create }, call);
    return { version, key: hex(key), created };
  });
const get = getting('if-missing');
/** Who creates without having looked. */
const must = getting('must');
const rotate = attempt(async (dataKeys) => {
  await dataKeys.rotate('a', call);
  return {};
});
const remove = attempt(async (dataKeys) => {
  const { etag } = await dataKeys.describe('a', call);
  await dataKeys.delete('a', etag, call);
  return {};
});
const restore = attempt(async (dataKeys) => {
  await dataKeys.restore('a', call);
  return {};
});

/** So long over that clocks cannot differ as much. */
const PURGED_AT_ONCE = -60 * 60 * 1000;

const SCENARIOS: Readonly<Record<string, Setup>> = {
  'three first calls': { scripts: [get, get, get], faults: 2 },
  'three who must create': { scripts: [must, must, must], faults: 2 },
  'one who must create, a first call and a rotation': { scripts: [must, get, inTurn(get, rotate)], faults: 1 },
  'two first calls and a rotation': { scripts: [get, get, inTurn(get, rotate, get)], faults: 1 },
  'two rotations and a first call': { scripts: [inTurn(get, rotate), rotate, get], faults: 1 },
  'a deletion, a rotation and a first call': { scripts: [inTurn(get, remove), rotate, get], faults: 1 },
  'a deletion, a restoration and two calls': { scripts: [inTurn(get, remove), restore, inTurn(get, get)], faults: 1 },
  'a deletion that purges at once, and two who come again': {
    scripts: [inTurn(get, remove), get, get],
    faults: 1,
    restorableMs: PURGED_AT_ONCE,
  },
  'a deletion that purges at once, one who must create, and a call': {
    scripts: [inTurn(get, remove), must, get],
    faults: 1,
    restorableMs: PURGED_AT_ONCE,
  },
};

t.test('no interleaving, crash or fault loses a data key', { timeout: 390_000 }, async (t) => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/explanation/no-lost-key.md'), 'utf8');
  const figure = (count: number) => count.toLocaleString('en-US');
  const all = { states: 0, steps: 0 };
  for (const [name, setup] of Object.entries(SCENARIOS)) {
    const { states, steps, wrong } = await explore(await keyModel(setup));
    t.equal(wrong, undefined, name);
    t.ok(states > 1000);
    t.match(page, `| ${name} | ${figure(states)} | ${figure(steps)} |`, 'the page has these figures');
    all.states += states;
    all.steps += steps;
  }
  t.match(page, `| **all** | **${figure(all.states)}** | **${figure(all.steps)}** |`);
});

t.test('the same search finds what a store does wrong that breaks its promises', async (t) => {
  const overwrites: Obeys = (write, now) => write.does === 'create' || conditional(write, now);
  const first = await explore(await keyModel({ scripts: [get, get], faults: 0, obeys: overwrites }));
  t.match(first.wrong, /version 1 was (handed out|stored with two keys).*, after: .*create/);
  const blind = await explore(await keyModel({ scripts: [get, must], faults: 0, obeys: overwrites }));
  t.match(blind.wrong, /version 1 was stored with two keys, after: a: read, a: create.*, b: create$/);
  const ignoresEtag: Obeys = (write, now) => write.does === 'replace' || conditional(write, now);
  const rotations = { scripts: [inTurn(get, rotate, get), inTurn(get, rotate, get)], faults: 0, obeys: ignoresEtag };
  t.match((await explore(await keyModel(rotations))).wrong, /version 2 was (handed out|stored with two keys)/);
});
