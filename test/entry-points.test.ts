import { readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import t from 'tap';

const root = normalize(join(import.meta.dirname, '..'));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const { exports, files, optionalDependencies } = JSON.parse(read('package.json')) as {
  files: readonly string[];
  exports: Record<string, { default: string } | string>;
  optionalDependencies: Record<string, string>;
};

/** The sources of the entry points, by their names in the package. */
const entries = Object.entries(exports).flatMap(([name, target]) =>
  typeof target === 'string' ? [] : [[name, target.default.replace('./dist/', 'src/').replace(/js$/, 'ts')] as const],
);

/** What an entry point gives on: each name, and the file that it is declared in. */
function givenOn(path: string): { readonly name: string; readonly from: string }[] {
  return [...read(path).matchAll(/^export (?:type )?\{([^}]*)\} from '(\.[^']*)'/gm)].flatMap(([, names, from]) =>
    (names as string)
      .split(',')
      .map((name) => name.trim().replace(/^type /, ''))
      .filter((name) => name !== '')
      .map((name) => ({ name, from: join(dirname(path), from as string) })),
  );
}

/** Names without a comment before their declaration. */
function undocumented(text: string, names: readonly string[]): string[] {
  return names.filter((name) => {
    const declared = new RegExp(`^export (?:abstract |async )?(?:class|interface|type|function|const) ${name}\\b`, 'm');
    const at = text.search(declared);
    return at < 0 || !text.slice(0, at).trimEnd().endsWith('*/');
  });
}

t.test('every symbol that an entry point gives has a comment that says what it is', async (t) => {
  t.same(
    entries.map(([name]) => name),
    ['.', './access', './client', './key-manager', './testing'],
  );
  for (const [entry, path] of entries) {
    const given = givenOn(path);
    t.ok(given.length > 0, entry);
    const bare = given.filter(({ name, from }) => undocumented(read(from), [name]).length > 0);
    t.same(
      bare.map(({ name, from }) => `${relative('src', from)}: ${name}`),
      [],
      entry,
    );
  }
});

t.test('a symbol without one is found', async (t) => {
  const text = '/** Said. */\nexport class Said {}\n\nexport class Bare {}\nexport type Other = 1;\n';
  t.same(undocumented(text, ['Said', 'Bare', 'Other', 'Missing']), ['Bare', 'Other', 'Missing']);
});

/** Packages that the declarations of an entry point may name: all that is imported on the way, types included. */
function packagesNamed(path: string, seen: Set<string> = new Set()): string[] {
  if (seen.has(path)) return [];
  seen.add(path);
  return [...read(path).matchAll(/^(?:import|export)\b[^;]*? from '([^']+)'/gm)].flatMap(([, from = '']) =>
    from.startsWith('.') ? packagesNamed(join(dirname(path), from), seen) : [from],
  );
}

t.test('no entry point asks a TypeScript program for the SDK of a cloud', async (t) => {
  for (const [entry, path] of entries) {
    const named = packagesNamed(path);
    t.ok(named.length > 0, entry);
    const optional = named.filter((name) => Object.hasOwn(optionalDependencies, name));
    t.same(optional, [], `${entry}: its types need what is not installed everywhere`);
  }
});

t.test('the package holds the pages that its README and its messages send people to', async (t) => {
  const readme = [...read('README.md').matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link = '']) => link);
  const texts = ['aws', 'azure', 'gcp'].flatMap(
    (cloud) => read(`src/providers/${cloud}/errors.ts`).match(/docs\/[\w/-]+\.md/g) ?? [],
  );
  t.ok(readme.length > 20 && texts.length > 1);
  // The chart, and how to change the code, are for those who have a clone.
  const wanted = [...readme, ...texts].filter((path) => !/^(helm\/|CONTRIBUTING)/.test(path));
  const held = (path: string) => files.some((one) => path === one || path.startsWith(`${one}/`));
  t.same(
    wanted.filter((path) => !held(path)),
    [],
  );
});
