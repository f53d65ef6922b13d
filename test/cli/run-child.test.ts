import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import t from 'tap';

const module = new URL('../../src/cli/run-child.ts', import.meta.url).href;

/** A process that runs a command as its child, and ends as that does. */
function parent(...command: [string, ...string[]]) {
  const code = `
    const { runChild } = await import(${JSON.stringify(module)});
    const [program, ...args] = ${JSON.stringify(command)};
    process.exitCode = await runChild(program, args, process.env);`;
  return spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
}

t.test('signals are handed on, and none ends this process before the command', async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const) {
    const counts = `
      let times = 0;
      process.on('${signal}', () => (console.log('came'), ++times === 2 && process.exit(7)));
      setInterval(() => {}, 1000);
      console.log('ready');`;
    const child = parent(process.execPath, '-e', counts);
    t.teardown(() => child.kill('SIGKILL'));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const over = once(child, 'close');
    t.equal((await lines.next()).value, 'ready');
    child.kill(signal);
    t.equal((await lines.next()).value, 'came', signal);
    child.kill(signal);
    t.same(await over, [7, null], `${signal} twice: the status is that of the command`);
  }
});

t.test('a command that a signal ends is told as shells tell it', async (t) => {
  t.same(await once(parent('sh', '-c', 'kill -KILL $$'), 'close'), [137, null]);
});
