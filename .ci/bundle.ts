// Bundles the binary: few files instead of a thousand, which a start would spend most of its time on
// (docs/decisions/0006-the-binary-is-bundled.md). Library entry points are not bundled.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
// Another folder only for tests.
const outdir = process.argv[2] ?? join(root, 'dist', 'cli');

rmSync(outdir, { recursive: true, force: true });
const { metafile } = await build({
  absWorkingDir: root,
  // All in one folder, since a worker is started from the file beside the one that starts it.
  entryPoints: {
    main: 'src/cli/main.ts',
    'worker-main': 'src/server/workers/worker-main.ts',
    'policy-thread': 'src/wiring/policy-thread.ts',
    'append-thread': 'src/audit/append-thread.ts',
  },
  outdir,
  bundle: true,
  // What is imported when it is needed stays a file of its own.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node22.19',
  // Cloud SDKs are installed by those who use them.
  external: ['@aws-sdk/*', '@azure/*', '@google-cloud/*'],
  // For the CommonJS packages within.
  banner: {
    js: "import { createRequire as bundleRequire } from 'node:module';\nconst require = bundleRequire(import.meta.url);",
  },
  // Not minified: stack traces stay readable, and the gain was too small to measure.
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
});
refuseLazyPackages();
writeFileSync(join(outdir, 'THIRD-PARTY-LICENSES'), licences(packagesOf(Object.keys(metafile.inputs))));

/** `import('PACKAGE')` of a CommonJS package gives its names in the sources, and only its default in a bundle. */
function refuseLazyPackages(): void {
  for (const [file, { imports }] of Object.entries(metafile.inputs)) {
    const lazy = imports.find(
      ({ kind, path, external }) => kind === 'dynamic-import' && !external && /node_modules/.test(path),
    );
    if (lazy !== undefined)
      throw new Error(`${file}: import ${lazy.original} in a file that is itself imported lazily`);
  }
}

/** The folders of the packages that went in. */
function packagesOf(inputs: readonly string[]): string[] {
  const folders = inputs.map((input) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0]);
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort();
}

function licences(folders: readonly string[]): string {
  const sections = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(root, folder)).find((entry) => /^licen[sc]e/i.test(entry));
    const text = file === undefined ? '' : `\n${readFileSync(join(root, folder, file), 'utf8').trim()}\n`;
    return `${name} ${version} (${license})\n${text}`;
  });
  return `The files of this folder contain these packages.\n\n${sections.join('\n----\n\n')}`;
}
