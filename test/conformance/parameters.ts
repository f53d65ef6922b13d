import type { Test } from 'tap';
import {
  PARAMETER_ASPECTS,
  type ParameterAspect,
  type ParameterStore,
  type StoreChange,
} from '../../src/core/parameters.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { testCall } from '../support/services.ts';

const call = testCall();
const ALL = new Set<ParameterAspect>(PARAMETER_ASPECTS);

/** A store with nothing under `path`, and what the suite may give it. */
export interface ParameterPlace {
  readonly store: ParameterStore;
  readonly path: string;
  /** A KMS key that the store takes, where it keeps one. */
  readonly key?: string;
}

/** Every promise of the contract of parameter stores, for any of them. */
export function parametersSuite(t: Test, open: (t: Test) => Promise<ParameterPlace>): void {
  values(t, open);
  aspects(t, open);
  walks(t, open);
}

function values(t: Test, open: (t: Test) => Promise<ParameterPlace>): void {
  t.test('what was put is what is read, to the byte, and a second put replaces it', async (t) => {
    const { store, path } = await open(t);
    const texts = [
      'plain',
      'it\'s "quoted" $HOME `x` \\n',
      'two\nlines\n',
      'emoji 🎉 ü',
      '  blanks  ',
      '{"a":[1]}',
      '=',
      '# no',
    ];
    for (const [index, text] of texts.entries()) {
      const place = store.place(path, `value_${index}`);
      await put(store, place, text);
      t.equal(await valueAt(store, place), text);
      await put(store, place, `${text}2`);
      t.equal(await valueAt(store, place), `${text}2`);
    }
  });
  t.test('what is not there is not read, and its deletion is no error', async (t) => {
    const { store, path } = await open(t);
    const place = store.place(path, 'nothing');
    t.equal(await valueAt(store, place), undefined);
    await apply(store, [{ kind: 'delete', place }]);
    await put(store, place, 'now');
    await apply(store, [{ kind: 'delete', place }]);
    t.equal(await valueAt(store, place), undefined);
  });
}

function aspects(t: Test, open: (t: Test) => Promise<ParameterPlace>): void {
  t.test('what a store says that it keeps, it keeps', async (t) => {
    const { store, path, key } = await open(t);
    const place = store.place(path, 'kept');
    const given = {
      type: 'SecureString' as const,
      description: 'What it is: "for" people',
      ...(key === undefined ? {} : { key }),
      tags: new Map([
        ['team', 'web'],
        ['env', 'test'],
      ]),
    };
    await put(store, place, 'secret', given);
    const read = (await store.read([place], ALL, call)).get(place);
    for (const aspect of ['type', 'description', 'key', 'tags'] as const) {
      if (store.keeps.has(aspect)) t.same(read?.[aspect], (given as Record<string, unknown>)[aspect], aspect);
    }
    read?.value.dispose();
  });
  t.test('tags are added and taken away without another value', async (t) => {
    const { store, path } = await open(t);
    if (!store.keeps.has('tags')) return t.pass('the store keeps no tags');
    const place = store.place(path, 'tagged');
    await put(store, place, 'v', { tags: new Map([['a', '1']]) });
    await put(store, place, 'w', { tags: new Map([['b', '2']]) });
    await apply(store, [{ kind: 'tag', place, set: new Map([['c', '3']]), remove: ['a'] }]);
    const read = (await store.read([place], ALL, call)).get(place);
    t.same(
      new Map([...(read?.tags ?? [])].sort()),
      new Map([
        ['b', '2'],
        ['c', '3'],
      ]),
    );
    t.equal(await valueAt(store, place), 'w');
    read?.value.dispose();
  });
  t.test('tier and policies mean what was given', async (t) => {
    const { store, path } = await open(t);
    if (!store.keeps.has('policies')) return t.pass('the store keeps no policies');
    const place = store.place(path, 'limited');
    const policies = [
      { Type: 'Expiration', Version: '1.0', Attributes: { Timestamp: '2040-01-01T00:00:00.000Z' } },
      { Type: 'NoChangeNotification', Version: '1.0', Attributes: { After: '20', Unit: 'Days' } },
    ];
    await put(store, place, 'v', { type: 'SecureString', tier: 'Advanced', policies: JSON.stringify(policies) });
    const read = (await store.read([place], ALL, call)).get(place);
    t.equal(read?.tier, 'Advanced');
    t.same(JSON.parse(read?.policies ?? ''), policies);
    read?.value.dispose();
  });
  t.test('a list of strings stays one, and labels lie on the newest version', async (t) => {
    const { store, path } = await open(t);
    if (!store.keeps.has('labels')) return t.pass('the store keeps no labels');
    const place = store.place(path, 'labelled');
    await put(store, place, 'a,b', { type: 'StringList', labels: ['first'] });
    const [version] = await put(store, place, 'a,b,c', { type: 'StringList', labels: ['second'] });
    t.equal(version, 2);
    const read = (await store.read([place], ALL, call)).get(place);
    t.match(read, { type: 'StringList', labels: ['second'], version: 2 });
    await store.apply([{ kind: 'tag', place, set: new Map(), remove: [], labels: ['third'] }], call);
    const again = (await store.read([place], ALL, call)).get(place);
    t.match(again, { labels: ['second', 'third'], version: 2 });
    again?.value.dispose();
    read?.value.dispose();
  });
}

function walks(t: Test, open: (t: Test) => Promise<ParameterPlace>): void {
  t.test('a list has every place under the path, and nothing else', async (t) => {
    const { store, path } = await open(t);
    const names = Array.from({ length: 25 }, (_, n) => `n${String(n).padStart(2, '0')}`);
    const places = names.map((name) => store.place(path, name));
    const changes = places.map((place): StoreChange => ({ kind: 'put', place, parameter: { value: secret('v') } }));
    await apply(store, changes);
    t.same([...(await store.list(path, call))].sort(), [...places].sort());
    const read = await store.read(places.slice(0, store.batch), new Set(), call);
    t.equal(read.size, Math.min(store.batch, places.length));
  });
}

function secret(text: string): SecretBytes {
  return SecretBytes.own(new TextEncoder().encode(text));
}

async function put(store: ParameterStore, place: string, text: string, more: object = {}) {
  return apply(store, [{ kind: 'put', place, parameter: { value: secret(text), ...more } }]);
}

async function apply(store: ParameterStore, changes: readonly StoreChange[]): Promise<(number | undefined)[]> {
  const versions: (number | undefined)[] = [];
  for (let at = 0; at < changes.length; at += store.changes) {
    versions.push(...(await store.apply(changes.slice(at, at + store.changes), call)));
  }
  return versions;
}

async function valueAt(store: ParameterStore, place: string): Promise<string | undefined> {
  const value = (await store.read([place], new Set(), call)).get(place)?.value;
  return value === undefined ? undefined : Buffer.from(value.expose()).toString();
}
