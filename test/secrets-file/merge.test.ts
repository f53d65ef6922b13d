import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { dataKeySealer, newFileId } from '../../src/secrets-file/data-key.ts';
import { encrypt } from '../../src/secrets-file/encrypt.ts';
import { integrityProblem, withRoot } from '../../src/secrets-file/integrity.ts';
import { mergeFiles, settled } from '../../src/secrets-file/merge-files.ts';
import { readSecretsFile } from '../../src/secrets-file/secrets-file.ts';
import { openAll, textOf } from '../../src/secrets-file/values.ts';
import { holds } from '../support/property.ts';
import { testCall } from '../support/services.ts';

// The runner's own limit still holds.
t.setTimeout(0);

const call = testCall();
const random = { bytes: (length: number) => Uint8Array.from(randomBytes(length)) };
const pace = { clock: { now: () => new Date(), sleep: async () => {} }, random };
const key = SecretBytes.own(random.bytes(32));
const id = newFileId(random);
const sealer = dataKeySealer(key, id, random);
const root = normalize(join(import.meta.dirname, '..', '..'));

type Values = ReadonlyMap<string, string>;

/** A sealed file with these secrets; what is sealed already under a name, and has the same value, stays. */
async function fileOf(values: Values, before?: string): Promise<string> {
  const old = before === undefined ? [] : readSecretsFile(before, 'f').parameters;
  const plain = before === undefined ? new Map<string, string>() : await opened(before);
  const items = [...values].map(([name, value]) => {
    const kept = plain.get(name) === value ? old.find((one) => one.name === name) : undefined;
    return `  - name: ${name} # ${name}\n    description: d\n    type: ${kept ? 'securestring' : 'SecureString'}\n    value: ${kept?.value ?? value}\n`;
  });
  const text = `# head\nkek: kms://cluster-kms\nfile: ${id}\ndata_key: 'x'\npath: /a\nregion: r\nparameters:${items.length === 0 ? ' []' : ''}\n${items.join('\n')}`;
  return withRoot(await encrypt(readSecretsFile(text, 'f'), { sealer, header: {}, pace }, call), 'f');
}

async function opened(text: string): Promise<Map<string, string>> {
  const { parameters } = readSecretsFile(text, 'f');
  const values = await openAll(parameters, sealer, pace, call);
  return new Map(parameters.map(({ name }, at) => [name, textOf(values[at] as SecretBytes, name)]));
}

const change = fc.record({ name: fc.constantFrom(...'abcd'), to: fc.option(fc.constantFrom('1', '2', '3')) });
const changes = fc.array(change, { maxLength: 4 });
type Changes = readonly { name: string; to: string | null }[];

function changed(values: Values, changes: Changes): Map<string, string> {
  const result = new Map(values);
  for (const { name, to } of changes) {
    if (to === null) result.delete(name);
    else result.set(name, to);
  }
  return result;
}

/** What a merge of two sets of values must be; undefined where both changed one, each in its own way. */
function merged(base: Values, ours: Values, theirs: Values): Values | undefined {
  const result = new Map<string, string>();
  for (const name of new Set([...base.keys(), ...ours.keys(), ...theirs.keys()])) {
    const [b, o, th] = [base, ours, theirs].map((side) => side.get(name));
    const value = th === b ? o : o === b ? th : o === th ? o : null;
    if (value === null) return undefined;
    if (value !== undefined) result.set(name, value);
  }
  return result;
}

// So few names that a side often empties the list.
const start = fc.uniqueArray(fc.constantFrom(...'abcd'));
const sorted = (values: Values) => [...values].sort();

t.test('random edits on two branches never conflict unless both changed the same entry', async (t) => {
  await holds(
    t,
    fc.asyncProperty(start, changes, changes, async (names, one, other) => {
      const base = new Map(names.map((name) => [name, '0']));
      const [ours, theirs] = [changed(base, one), changed(base, other)];
      // A value that both set is sealed twice, to two texts: that is a conflict, and a real one.
      const twice = [...ours].some(([name, value]) => value !== base.get(name) && theirs.get(name) === value);
      const baseText = await fileOf(base);
      const result = mergeFiles(baseText, await fileOf(ours, baseText), await fileOf(theirs, baseText));
      const expected = merged(base, ours, theirs);
      if (result === undefined) return false;
      if (expected === undefined || twice) return result.conflicts.length > 0;
      if (result.conflicts.length > 0) return false;
      if (integrityProblem(readSecretsFile(result.text, 'f')) !== undefined) return false;
      return JSON.stringify(sorted(await opened(result.text))) === JSON.stringify(sorted(expected));
    }),
    { numRuns: 150 },
  );
});

t.test('every tamper with sealed values is caught', async (t) => {
  const text = await fileOf(
    new Map([
      ['a', '1'],
      ['b', '2'],
      ['c', '3'],
    ]),
  );
  const lines = text.split('\n');
  const item = (name: string) => lines.findIndex((line) => line.includes(`name: ${name} `));
  const swap = (one: string, other: string) =>
    text
      .replace(`name: ${one} `, 'name: ? ')
      .replace(`name: ${other} `, `name: ${one} `)
      .replace('name: ? ', `name: ${other} `);
  const valueLine = lines[item('a') + 3] as string;
  const tampered: Record<string, string> = {
    'two names swapped': swap('a', 'b'),
    'one renamed': text.replace('name: a ', 'name: z '),
    'one taken away': [...lines.slice(0, item('b')), ...lines.slice(item('c'))].join('\n'),
    'one copied under another name': text.replace(
      '\n\n  - name: b',
      `\n\n  - {name: z, description: d, type: securestring, ${valueLine.trim().replace('value', 'value')}}\n  - name: b`,
    ),
    'one called plain': text.replace('type: securestring', 'type: string'),
    'a digit of a ciphertext': text.replace(
      /(ks1:.{10})(.)/,
      (_all, head, digit) => head + (digit === 'A' ? 'B' : 'A'),
    ),
    'the root': text.replace(/integrity: sha256:./, (all) => all.slice(0, -1) + (all.endsWith('0') ? '1' : '0')),
    'the root taken away': text.replace(/integrity: .*\n/, ''),
    'the id of the file': text.replace(/file: ./, (all) => all.slice(0, -1) + (all.endsWith('0') ? '1' : '0')),
  };
  t.equal(integrityProblem(readSecretsFile(text, 'f')), undefined);
  for (const [what, changed] of Object.entries(tampered)) {
    t.not(changed, text, `${what}: something was changed`);
    t.type(integrityProblem(readSecretsFile(changed, 'f')), 'string', what);
  }
});

t.test('with its root computed anew a moved value still does not open', async (t) => {
  const text = await fileOf(
    new Map([
      ['a', '1'],
      ['b', '2'],
    ]),
  );
  const moved = withRoot(text.replace('name: a ', 'name: z '), 'f');
  t.equal(integrityProblem(readSecretsFile(moved, 'f')), undefined);
  await t.rejects(opened(moved), { name: 'KeysteadError', reason: 'context-mismatch', message: /parameter "z"/ });
});

t.test('a value under a data key that the merged file has not is a conflict', async (t) => {
  const abc = new Map([...'abc'].map((name) => [name, '1']));
  const base = await fileOf(abc);
  const newKey = (text: string) => withRoot(text.replace("data_key: 'x'", "data_key: 'y'"), 'f');
  const refreshed = newKey(await fileOf(abc)); // all values are other texts
  const added = await fileOf(new Map([...abc, ['d', '4']]), base);
  for (const [ours, theirs] of [
    [refreshed, added],
    [added, refreshed],
  ] as const) {
    const result = mergeFiles(base, ours, theirs);
    t.match(result?.conflicts, [/^\/parameters\/d is sealed under another data key/]);
    t.match(result?.text, /<<<<<<< ours\n[\s\S]*name: d #/);
  }
  t.same(mergeFiles(base, newKey(base), added)?.conflicts, [], 'the same data key, wrapped anew');
  t.same(mergeFiles(base, refreshed, base)?.text, refreshed);
  const plain = base
    .replace(/data_key: .*\n/, '')
    .replace(/integrity: .*\n/, '')
    .replaceAll(/securestring\n {4}value: .*/g, 'SecureString\n    value: x');
  t.match(mergeFiles(base, plain, added)?.conflicts, [/^\/parameters\/d/], 'a file that was opened has no data key');
});

t.test('a list that a side has emptied is merged like every other', async (t) => {
  const base = await fileOf(new Map([...'ab'].map((name) => [name, '0'])));
  const [none, onlyA, onlyB] = await Promise.all(
    ['', 'a', 'b'].map((names) => fileOf(new Map([...names].map((name) => [name, '0'])), base)),
  );
  const more = await fileOf(new Map([...'abc'].map((name) => [name, '0'])), base);
  for (const [ours, theirs, left] of [
    [none, more, 'c'],
    [more, none, 'c'],
    [onlyA, onlyB, ''],
    [none, onlyA, ''],
  ] as const) {
    const result = mergeFiles(base, ours ?? '', theirs ?? '');
    t.same(result?.conflicts, []);
    const text = result?.text ?? '';
    t.equal(integrityProblem(readSecretsFile(text, 'f')), undefined);
    t.same([...(await opened(text)).keys()].join(''), left);
  }
  const first = mergeFiles(none ?? '', more, none ?? '');
  t.equal(first?.text, more, 'and the first parameters of a file are added to an empty list');
});

t.test('tags that a side has emptied, in either way, are merged like all others', async (t) => {
  const file = (tags: string) => `path: /a\nregion: r\nkmskey: k\n${tags}parameters: []\n`;
  const both = file('tags:\n  a: x\n  b: x\n');
  const [onlyA, onlyB, more] = ['a: x', 'b: x', 'a: x\n  b: x\n  c: x'].map((tags) => file(`tags:\n  ${tags}\n`));
  for (const [ours = '', theirs = '', tags] of [
    [onlyA, onlyB, 'tags: {}\n'],
    [file(''), more, 'tags:\n  c: x\n'],
    [more, file(''), 'tags:\n  c: x\n'],
    [file('tags: {} # none\n'), more, 'tags: # none\n  c: x\n'],
    [file(''), onlyA, ''],
  ] as const) {
    t.same(mergeFiles(both, ours, theirs), { text: file(tags), conflicts: [] });
  }
});

t.test('a list that nobody has touched stays as it is written', async (t) => {
  const base = 'path: /a\nregion: r\nkmskey: k\ntags: { }\nparameters: [ ] # yet\n';
  const [ours, theirs] = [base.replace('/a', '/b'), base.replace('region: r', 'region: q')];
  t.same(mergeFiles(base, ours, theirs), { text: ours.replace('region: r', 'region: q'), conflicts: [] });
});

t.test('where the sides together make no file, both are there to choose from', async (t) => {
  const base = 'path: /a\nregion: r\nkmskey: k\ntags:\n  team: web\nparameters: []\n';
  const flow = base.replace('tags:\n  team: web\n', 'tags: {team: web}\n');
  const more = base.replace('team: web\n', 'team: web\n  env: test\n');
  const broken = mergeFiles(base, flow, more);
  t.match(broken?.conflicts, [/no secrets file/]);
  t.equal(broken?.text, `<<<<<<< ours\n${flow}=======\n${more}>>>>>>> theirs\n`);
});

t.test('a merge hides no tamper with a side', async (t) => {
  const abc = new Map([...'abc'].map((name) => [name, '1']));
  const base = await fileOf(abc);
  const added = await fileOf(new Map([...abc, ['d', '4']]), base);
  const taken = base.replace(/ {2}- name: b #[\s\S]*?\n\n/, '');
  for (const [ours, theirs, side] of [
    [taken, added, 'ours'],
    [added, taken, 'theirs'],
  ] as const) {
    const result = mergeFiles(base, ours, theirs);
    t.same(result?.conflicts, [`the root of ${side} does not hold`]);
    t.type(integrityProblem(readSecretsFile(result?.text ?? '', 'f')), 'string');
  }
});

t.test('lines that git merges are looked at as well', async (t) => {
  const merged = { text: '{"path":"/a"}', conflicts: [] };
  const json = JSON.stringify({ path: '/a', region: 'r', kmskey: 'k', parameters: [] });
  t.match(settled(merged, json, json, json).conflicts, [/no secrets file/]);
  t.same(settled({ text: 'a: b\n', conflicts: [] }, '', 'a: b\n', 'c: d\n').conflicts, [], 'other YAML is let through');
  t.same(settled({ text: json, conflicts: [] }, json, json, json), { text: json, conflicts: [] });
});

t.test('comments, order and manner of writing merge as well', async (t) => {
  const base = `path: /a\nregion: r\nkmskey: k\ntags:\n  team: web\n\nparameters:\n  - name: a\n    description: d\n    type: String\n    value: 1\n`;
  const ours = base
    .replace('team: web', 'team: web\n  env: test')
    .concat("\n  # new\n  - {name: b, description: d, type: String, value: 'x'}\n");
  const theirs = base
    .replace('region: r', 'region: q # moved')
    .replace('value: 1', 'value: 2')
    .replace('team: web', 'team: web\n  zone: z');
  const result = mergeFiles(base, ours, theirs);
  t.same(result?.conflicts, []);
  t.equal(
    result?.text,
    `path: /a\nregion: q # moved\nkmskey: k\ntags:\n  team: web\n  env: test\n  zone: z\n\nparameters:\n  - name: a\n    description: d\n    type: String\n    value: 2\n\n  # new\n  - {name: b, description: d, type: String, value: 'x'}\n`,
  );
  t.equal(mergeFiles(base, '{"path":"/a","region":"r","kmskey":"k","parameters":[]}', theirs), undefined);
});

t.test('a comment of one side stays beside what the other changed in the same entry', async (t) => {
  const base = `# top\n# of us\npath: /a\nregion: r\nkmskey: k\nparameters:\n  # about a\n  - name: a # it\n    description: d\n    type: String\n    value: 1\n`;
  const change = (...pairs: (readonly [string, string])[]) =>
    pairs.reduce((text, [from, to]) => text.replace(from, to), base);
  const value = ['value: 1', 'value: 2'] as const;
  for (const [what, comment, expected] of [
    ['above', ['# about a', '# about A\n  # and more'], change(['# about a', '# about A\n  # and more'], value)],
    ['behind', ['# it', '# that'], change(['# it', '# that'], value)],
    ['right before', ['    value', '    # which\n    value'], change(['    value', '    # which\n    value'], value)],
    ['quotes', ['description: d', "description: 'd'"], change(['description: d', "description: 'd'"], value)],
    ['on the same line', ['value: 1', 'value: 1 # one'], change(value)],
  ] as const) {
    const [commented, valued] = [change(comment), change(value)];
    t.same(mergeFiles(base, commented, valued), { text: expected, conflicts: [] }, what);
    t.same(mergeFiles(base, valued, commented), { text: expected, conflicts: [] }, `${what}, the other way round`);
  }
  t.equal(
    mergeFiles(base, change(['# top', '# Top']), change(['# of us', '# of all']))?.text,
    change(['# top', '# Top'], ['# of us', '# of all']),
  );
});

t.test('with real git', { timeout: 390_000 }, async (t) => {
  const { dir, git } = repository(t);
  const base = new Map([...'abcdef'].map((name) => [name, '0']));
  const baseText = await fileOf(base);
  const commit = (text: string) => {
    writeFileSync(join(dir, 'f.yml'), text);
    git('add', '.');
    git('commit', '-qm', 'change');
  };
  commit(baseText);
  git('branch', 'start');
  for (const [n, [one, other]] of EDITS.entries()) {
    const [ours, theirs] = [changed(base, one), changed(base, other)];
    git('checkout', '-qB', `theirs-${n}`, 'start');
    commit(await fileOf(theirs, baseText));
    git('checkout', '-qB', `ours-${n}`, 'start');
    commit(await fileOf(ours, baseText));
    const expected = merged(base, ours, theirs);
    const status = git('merge', '-q', '-m', 'merge', `theirs-${n}`);
    const text = readFileSync(join(dir, 'f.yml'), 'utf8');
    if (expected === undefined) {
      t.equal(status, 1, 'the same entry conflicts');
      t.match(text, /<<<<<<< ours\n.*name: a/);
      git('merge', '--abort');
    } else {
      t.equal(status, 0, `edits ${n} merge`);
      t.equal(integrityProblem(readSecretsFile(text, 'f')), undefined);
      t.same(sorted(await opened(text)), sorted(expected));
    }
  }
});

const set = (name: string, to: string | null = '1') => ({ name, to });
const EDITS: readonly (readonly [Changes, Changes])[] = [
  [[set('a')], [set('b')]],
  [
    [set('x'), set('f', null)],
    [set('y'), set('a', null)],
  ],
  [
    [set('x'), set('y')],
    [set('z'), set('f')],
  ],
  [[set('a')], [set('a', '2')]],
];

function repository(t: Test) {
  const dir = t.testdir({});
  const keystead = `'${process.execPath}' '${join(root, 'src/cli/main.ts')}'`;
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', HOME: dir };
  const git = (...args: string[]): number => {
    try {
      execFileSync('git', args, { cwd: dir, env, stdio: ['ignore', 'ignore', 'pipe'] });
      return 0;
    } catch (error) {
      return (error as { status: number }).status;
    }
  };
  git('init', '-q');
  git('config', 'user.email', 'a@b');
  git('config', 'user.name', 'a');
  execFileSync('sh', ['-c', `${keystead} secrets git-setup '*.yml'`], { cwd: dir, env, stdio: 'ignore' });
  git('config', 'merge.keystead-secrets.driver', `${keystead} secrets merge-driver %O %A %B %P`);
  return { dir, git };
}
