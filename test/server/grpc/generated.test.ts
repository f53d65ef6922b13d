import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..', '..');
const proto = join('src', 'server', 'grpc', 'proto');

async function contents(folder: string): Promise<Record<string, string>> {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const sources = files.filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
  const texts = await Promise.all(sources.sort().map((path) => readFile(path, 'utf8')));
  return Object.fromEntries(sources.map((path, n) => [path.slice(folder.length), texts[n] ?? '']));
}

t.test('src/gen is what `npm run proto` makes of the schemas', async (t) => {
  const out = await mkdtemp(join(tmpdir(), 'keystead-gen-'));
  t.teardown(() => rm(out, { recursive: true, force: true }));
  const bin = join(root, 'node_modules', '.bin');
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}` };
  await run(join(bin, 'buf'), ['generate', proto, '--template', join(proto, 'buf.gen.yaml'), '--output', out], {
    cwd: root,
    env,
  });
  t.same(await contents(join(root, 'src', 'gen')), await contents(join(out, 'src', 'gen')));
});

t.test('the schemas are in good style', async (t) => {
  await run(join(root, 'node_modules', '.bin', 'buf'), ['lint', proto], { cwd: root });
  t.pass('buf lint is content');
});
