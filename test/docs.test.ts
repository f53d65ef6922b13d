import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, normalize } from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { type Block, blocksOf, looksLike, startsService } from './support/doc-page.ts';

const root = normalize(join(import.meta.dirname, '..'));
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name))
    .sort(),
];

interface Service {
  readonly process: ChildProcess;
  readonly http: string;
  readonly grpc: string;
}

interface Folder {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

t.test('every command of the documentation works, and answers what the page shows', async (t) => {
  for (const page of pages) {
    const blocks = blocksOf(readFileSync(join(root, page), 'utf8'));
    if (blocks.some(({ language }) => language === 'sh')) {
      await t.test(page, { timeout: 390_000 }, (t) => runPage(t, blocks));
    }
  }
});

t.test('every relative link of the documentation leads somewhere', async (t) => {
  const broken = pages.flatMap((page) =>
    [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)]
      .map((match) => match[1] as string)
      .filter((link) => !existsSync(join(root, dirname(page), link)))
      .map((link) => `${page} → ${link}`),
  );
  t.same(broken, []);
});

t.test(
  'every test that the documentation names is there, and every promise of the threat model names one',
  async (t) => {
    for (const page of pages) {
      const named = readFileSync(join(root, page), 'utf8').match(/(?<=`)test\/[\w./-]+(?=`)/g) ?? [];
      t.same(
        named.filter((path) => !existsSync(join(root, path))),
        [],
        page,
      );
    }
    const model = readFileSync(join(root, 'docs/threat-model.md'), 'utf8');
    const promises = [...model.matchAll(/^\| promised .*\n\| --- .*\n((?:\|.*\n)+)/gm)].flatMap(([, rows = '']) =>
      rows.trimEnd().split('\n'),
    );
    t.ok(promises.length > 20, `${promises.length} promises`);
    t.same(
      promises.filter((row) => !/`test\/[\w./-]+\.ts`/.test(row.split('|').at(-2) ?? '')),
      [],
    );
  },
);

t.test('a page that shows something else than the command answers is found', async (t) => {
  t.ok(looksLike('{"a":1,…}', '{"a":1,"b":2}\n'));
  t.notOk(looksLike('{"a":2,…}', '{"a":1,"b":2}\n'));
});

async function runPage(t: Test, blocks: readonly Block[]): Promise<void> {
  const folder = pageFolder(t);
  let service: Service | undefined;
  t.teardown(() => stop(service));
  for (const [index, block] of blocks.entries()) {
    if (block.language !== 'sh') continue;
    if (startsService(block)) {
      await stop(service);
      service = await start(block.text, folder);
      t.pass(`line ${block.line}: the service is ready`);
      continue;
    }
    const { status, output } = await run(atService(block.text, service), folder);
    t.equal(status, 0, `line ${block.line}: ${block.text.split('\n')[0]}`, { output });
    const shown = blocks[index + 1];
    if (shown?.language === 'text' || shown?.language === 'json') {
      t.ok(looksLike(shown.text, output), `line ${shown.line}: the answer looks as shown`, {
        shown: shown.text,
        output,
      });
    }
  }
}

/** A folder for one page, with `keystead` on the PATH as an installed package would put it there. */
function pageFolder(t: Test): Folder {
  const cwd = mkdtempSync(join(tmpdir(), 'keystead-docs-'));
  t.teardown(() => rmSync(cwd, { recursive: true, force: true }));
  const bin = join(cwd, '.bin');
  mkdirSync(bin);
  const main = join(root, 'src/cli/main.ts');
  writeFileSync(join(bin, 'keystead'), `#!/bin/sh\nexec "${process.execPath}" "${main}" "$@"\n`, { mode: 0o755 });
  const path = [bin, dirname(process.execPath), process.env['PATH']].join(delimiter);
  return { cwd, env: { ...process.env, PATH: path } };
}

/** The pages say the default ports; a test takes free ones. */
function atService(text: string, service: Service | undefined): string {
  if (service === undefined) return text;
  const moved = text
    .replaceAll(/https?:\/\/(127\.0\.0\.1|localhost):8080/g, service.http)
    .replaceAll(/(127\.0\.0\.1|localhost):9000/g, service.grpc);
  return `export KEYSTEAD_SERVER='${service.http}'\n${moved}`;
}

/** Runs a block whose last command serves, and waits for the ready line. */
async function start(text: string, { cwd, env }: Folder): Promise<Service> {
  const script = text
    .trim()
    .replace(/^npm start\b(?: --)?/m, 'keystead serve --dev')
    .replace(/^(keystead serve\b.*)$/m, 'exec $1 --http-listen 127.0.0.1:0 --grpc-listen 127.0.0.1:0');
  const child = spawn('bash', ['-euc', script], { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    lines.push(line);
    if (!line.includes('"msg":"ready"')) continue;
    child.stderr.resume();
    const { http, grpc } = JSON.parse(line) as { http: string; grpc: string };
    return { process: child, http, grpc };
  }
  throw new Error(`the service did not start:\n${lines.join('\n')}`);
}

async function stop(service: Service | undefined): Promise<void> {
  if (service === undefined || service.process.exitCode !== null) return;
  const ended = new Promise((resolve) => service.process.once('exit', resolve));
  service.process.kill('SIGTERM');
  await ended;
}

async function run(text: string, { cwd, env }: Folder): Promise<{ status: number | null; output: string }> {
  const child = spawn('bash', ['-uo', 'pipefail', '-c', text], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { status, output };
}
