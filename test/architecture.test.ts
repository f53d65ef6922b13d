import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import t from 'tap';
import { brokenArrows, importsOf, RULES, tooLong } from './support/architecture.ts';

const root = normalize(join(import.meta.dirname, '..'));
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ path: `src/${name}`, text: readFileSync(join(root, 'src', name), 'utf8') }));

t.test('every import follows the import table', async (t) => {
  t.ok(sources.length > 20, 'the sources were found');
  t.same(brokenArrows(sources), []);
});

t.test('a planted violation is found, with the file and the arrow', async (t) => {
  const planted = [
    { path: 'src/core/planted.ts', text: "import { readFile } from 'node:fs';\n" },
    { path: 'src/data-keys/planted.ts', text: "import { x } from '../system/system.ts';\n" },
    { path: 'src/system/planted.ts', text: "export { y } from '../providers/memory/store.ts';\n" },
    { path: 'src/providers/memory/planted.ts', text: "await import('../cluster/kek.ts');\n" },
    { path: 'src/providers/open.ts', text: "import { z } from './memory/store.ts';\n" },
    { path: 'src/server/http/planted.ts', text: "import { a } from '../../data-keys/stored.ts';\n" },
    { path: 'src/client/planted.ts', text: "import fastify from 'fastify';\n" },
    { path: 'src/planted/unknown.ts', text: "import 'node:util';\n" },
  ];
  t.same(brokenArrows(planted), [
    'src/core/planted.ts → node:fs',
    'src/data-keys/planted.ts → src/system/system.ts',
    'src/system/planted.ts → src/providers/memory/store.ts',
    'src/providers/memory/planted.ts → src/providers/cluster/kek.ts',
    'src/providers/open.ts → src/providers/memory/store.ts',
    'src/server/http/planted.ts → src/data-keys/stored.ts',
    'src/client/planted.ts → fastify',
    'src/planted/unknown.ts → (a folder without a rule)',
  ]);
});

t.test('a type-only import of a room is allowed to a porch', async (t) => {
  const text = "import type { DataKeys } from '../../data-keys/data-keys.ts';\n";
  t.same(brokenArrows([{ path: 'src/server/http/planted.ts', text }]), []);
});

t.test('imports are read in every form', async (t) => {
  const text = [
    "import a from 'a';",
    "import type { B } from 'b';",
    "import {\n  type C,\n  d,\n} from 'c';",
    "export * from 'd';",
    "import 'e';",
    "const f = await import('f');",
    "// import 'g' in a comment does not count",
  ].join('\n');
  t.same(
    importsOf(text).map(({ from, kind }) => `${kind} ${from}`),
    ['static a', 'type b', 'static c', 'static d', 'static e', 'dynamic f'],
  );
});

t.test('a file has one reason to exist and at most 300 lines', async (t) => {
  t.same(tooLong(sources), []);
  t.same(tooLong([{ path: 'src/planted.ts', text: '\n'.repeat(301) }]), ['src/planted.ts: 301 lines']);
});

t.test('what stands in for grpc-js stays under 300 lines of code', async (t) => {
  // docs/decisions/0005-grpc-on-node-http2.md
  const parts = ['session', 'call', 'request', 'receive'].map((name) => `src/server/grpc/${name}.ts`);
  const own = sources.filter(({ path }) => parts.includes(path));
  t.equal(own.length, parts.length);
  const lines = own.flatMap(({ text }) => text.split('\n')).filter((line) => !/^\s*($|\/\/|\/\*|\*)/.test(line));
  t.ok(lines.length < 300, `${lines.length} lines`);
});

t.test('errors are ours, and nobody writes to the console', async (t) => {
  const offenders = sources.filter(({ text }) => /throw new (Type|Range)?Error\(|\bconsole\.\w+\(/.test(text));
  t.same(
    offenders.map(({ path }) => path),
    [],
  );
});

t.test('no barrel files but the front door', async (t) => {
  const barrels = sources.filter(({ path, text }) => path !== 'src/index.ts' && /^export \* from /m.test(text));
  t.same(
    barrels.map(({ path }) => path),
    [],
  );
});

t.test('every rule of the table has sources that it governs', async (t) => {
  const unused = RULES.filter(({ path }) => !sources.some((source) => source.path.startsWith(path)));
  t.same(
    unused.map(({ path }) => path),
    [],
  );
});

t.test('tests mirror sources', async (t) => {
  const mirrored = [
    'access',
    'core',
    'data-keys',
    'system',
    'key-manager',
    'key-sources',
    'providers',
    'config',
    'server',
    'client',
    'audit',
    'auth',
    'telemetry',
    'files',
  ];
  const tests = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.test.ts'),
  );
  const orphans = tests.filter((name) => {
    const folder = dirname(name);
    if (!mirrored.includes(folder.split('/')[0] ?? '')) return false;
    return !sources.some(
      ({ path }) => dirname(relative('src', path)) === folder || relative('src', path).startsWith(`${folder}/`),
    );
  });
  t.same(orphans, []);
});
