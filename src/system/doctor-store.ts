import type { Call } from '../core/call.ts';
import type { Random } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Stored, WrappedKeyStore } from '../core/store.ts';
import { settled, type Walk } from './doctor-walk.ts';

const FIRST = Buffer.from('{"keystead-doctor":1}');
const SECOND = Buffer.from('{"keystead-doctor":2}');

/** Does what the service does at start, then each operation on a record that is deleted again. */
export async function examineStore(
  walk: Walk,
  remote: boolean,
  store: WrappedKeyStore,
  random: Random,
  call: Call,
): Promise<void> {
  await walk.attempt('check', () => store.check(call), {
    credentials: remote,
    found: () => 'as the service does at start',
  });
  const name = `keystead-doctor-${Buffer.from(random.bytes(8)).toString('hex')}.json`;
  const read = async (): Promise<Stored | undefined> => store.read(name, call);
  await walk.attempt('read', read);
  const created = await walk.attempt('create', () => mustCreate(store, name, call));
  if (created === undefined) {
    for (const step of ['conditional create', 'conditional replace', 'delete']) walk.skip(step, 'nothing was created');
    await walk.attempt('list', () => store.list(name, undefined, 1, call));
    return;
  }
  await walk.attempt('conditional create', () => mustRefuse(store, name, call));
  await walk.attempt('conditional replace', () => mustReplace(store, name, call));
  await walk.attempt('list', () => mustList(store, name, call));
  const deleted = await walk.attempt('delete', async () => {
    const { etag } = await there(store, name, call);
    await store.delete(name, etag, call);
    if ((await read()) !== undefined) throw lies(store, 'still shows a record that it deleted');
  });
  if (deleted === undefined) walk.skip('tidy up', `the record ${name} stays behind; delete it`);
}

async function mustCreate(store: WrappedKeyStore, name: string, call: Call): Promise<void> {
  // False: a repeated request of our own, for nobody else knows the name.
  await store.create(name, FIRST, call);
  const stored = await there(store, name, call);
  if (Buffer.compare(stored.bytes, FIRST) !== 0) throw lies(store, 'gives back other bytes than were written');
}

async function mustRefuse(store: WrappedKeyStore, name: string, call: Call): Promise<void> {
  const created = await store.create(name, SECOND, call);
  const stored = await there(store, name, call);
  if (!created && Buffer.compare(stored.bytes, FIRST) === 0) return;
  throw lies(store, 'overwrites a record that it was told to create only if missing, so that keys would be lost');
}

async function mustReplace(store: WrappedKeyStore, name: string, call: Call): Promise<void> {
  const { etag } = await there(store, name, call);
  await store.replace(name, SECOND, etag, call);
  const late = await settled(store.replace(name, FIRST, etag, call));
  if ('failure' in late && late.failure.reason === 'stale-etag') return;
  if ('failure' in late) throw late.failure;
  throw lies(store, 'replaces a record that has changed since it was read');
}

async function mustList(store: WrappedKeyStore, name: string, call: Call): Promise<void> {
  const { items } = await store.list(name, undefined, 1, call);
  if (items[0] !== name) throw lies(store, 'does not list a record that is there');
}

async function there(store: WrappedKeyStore, name: string, call: Call): Promise<Stored> {
  const stored = await store.read(name, call);
  if (stored === undefined) throw lies(store, 'does not show a record that it has');
  return stored;
}

function lies(store: WrappedKeyStore, what: string): KeysteadError {
  return new KeysteadError('not-supported', `${store.uri} ${what}; give another store`);
}
