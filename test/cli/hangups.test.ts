import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const ARGS = ['serve', '--dev', '--http-listen', '127.0.0.1:0', '--grpc-listen', 'off'];

/** Sends the process a signal when it begins to load a file. */
function signalOnLoad(file: string): string {
  const code = `import { registerHooks } from 'node:module';
  registerHooks({
    load(url, context, next) {
      if (url.endsWith(${JSON.stringify(file)})) process.kill(process.pid, 'SIGHUP');
      return next(url, context);
    },
  });`;
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

t.test('SIGHUP at any time of the start is obeyed when the service is ready', async (t) => {
  // From the first file that is loaded behind the entry itself to the last.
  for (const file of ['cli/program.ts', 'cli/commands/serve.ts', 'server/serve.ts', 'server/http/app.ts']) {
    const child = spawn(process.execPath, ['--import', signalOnLoad(`/src/${file}`), MAIN, ...ARGS], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'keystead-test-compile-cache') },
    });
    t.teardown(() => child.kill('SIGKILL'));
    const exited = once(child, 'exit');
    let log = '';
    for await (const text of child.stderr.setEncoding('utf8')) {
      log += text;
      if (/"msg":"reloaded"/.test(log)) break;
    }
    t.match(log, /"msg":"ready".*"msg":"reloaded"/s, file);
    child.kill('SIGTERM');
    t.same(await exited, [0, null], file);
  }
});

t.test('SIGHUP ends every other command, as any program', async (t) => {
  const args = ['--import', signalOnLoad('/src/cli/program.ts'), MAIN, 'config', 'explain'];
  // Without the runner's own preloads, which catch signals and come to every child through its environment.
  const child = spawn('env', ['-u', 'NODE_OPTIONS', process.execPath, ...args], { stdio: 'ignore' });
  t.teardown(() => child.kill('SIGKILL'));
  t.same(await once(child, 'exit'), [null, 'SIGHUP']);
});
