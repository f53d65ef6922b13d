import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, symlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { emulatorsHome } from './emulator-slots.ts';

/** Of moto's port from the keeper's: test/emulators/lib.sh. */
const MOTO_OFFSET = 100;

/** A test of its own process, which says where moto is and then hangs. */
const USER = `
  import t from 'tap';
  import { emulators } from '${join(import.meta.dirname, 'emulators.ts')}';
  t.test('a test that hangs', async (t) => {
    const env = await emulators(t, ['moto']);
    process.stderr.write((env?.AWS_ENDPOINT_URL ?? 'none') + '\\n');
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  });
`;

/** An installation that is no other's, so that its emulators are no other's: the real one by links. */
function homeOfItsOwn(t: Test): string {
  const home = t.testdir({});
  const names = existsSync(emulatorsHome) ? readdirSync(emulatorsHome) : [];
  for (const name of names.filter((name) => !/^run-|\.log$|^\.lock$/.test(name))) {
    symlinkSync(join(emulatorsHome, name), join(home, name));
  }
  return home;
}

async function user(home: string): Promise<{ child: ChildProcess; says: string }> {
  const { TAP: _tap, EMULATORS_PORT_BASE: _base, ...env } = process.env;
  const child = spawn(process.execPath, ['--input-type=module', '-e', USER], {
    cwd: import.meta.dirname,
    env: { ...env, CI: '', EMULATORS_HOME: home },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (child.stderr === null) throw new Error('no pipe');
  const [line] = await once(createInterface({ input: child.stderr }), 'line');
  return { child, says: line };
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

async function untilRefused(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const [refused] = await Promise.race([
      once(socket, 'connect').then(() => [false]),
      once(socket, 'close').then(() => [true]),
    ]).catch(() => [true]);
    socket.destroy();
    if (refused) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

t.test(
  'tests share their emulators, and none is left when the last test was killed',
  { timeout: 390_000 },
  async (t) => {
    const home = homeOfItsOwn(t);
    const [one, two] = await Promise.all([user(home), user(home)]);
    t.teardown(() => {
      one.child.kill('SIGKILL');
      two.child.kill('SIGKILL');
    });
    t.equal(one.says, two.says);
    if (one.says === 'none') return t.comment('moto is not installed');
    await kill(one.child);
    t.ok((await fetch(`${two.says}/moto-api/`)).ok, 'the other still has it');
    await kill(two.child);
    const moto = Number(new URL(two.says).port);
    await untilRefused(moto);
    await untilRefused(moto - MOTO_OFFSET);
    t.pass('emulator and keeper have ended');
  },
);
