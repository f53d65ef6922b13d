import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { buildApp } from '../../src/server/http/app.ts';
import { testConfig, testServices } from '../support/services.ts';

const folder = join(import.meta.dirname, '../../docs/how-to/key-manager');

/** What a program of the page prints. */
async function printed(program: string, ...args: string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(folder, program), ...args], {
    timeout: 390_000,
  });
  return stdout.trimEnd().split('\n');
}

const PROGRAMS: Readonly<Record<string, (t: Test) => Promise<void>>> = {
  'access-token.ts': async (t) => {
    t.same(await printed('access-token.ts'), [
      'with the first token: 42 reports',
      'before the change is declared: refused with 401',
      'after it: 42 reports',
    ]);
  },
  'two-lifetimes.ts': async (t) => {
    t.same(await printed('two-lifetimes.ts', t.testdir()), [
      'first life: sealed',
      'second life: Ada, Grace',
      'after the change: Ada, Grace, Edith',
    ]);
  },
  'cached.ts': async (t) => {
    t.same(await printed('cached.ts'), [
      'opened with the key of before: 3 apples',
      'and again: 3 apples',
      'the next one is under the new key: 4 apples',
    ]);
  },
  'lossy.ts': async (t) => {
    const services = await testServices(t);
    const app = await buildApp({ services, config: testConfig(), log: false });
    t.teardown(() => app.close());
    const server = await app.listen({ host: '127.0.0.1', port: 0 });
    t.same(await printed('lossy.ts', server), [
      'the tag is the same on the way back: true',
      'and again, from the service: true',
    ]);
  },
  'implicit.ts': async (t) => {
    t.same(await printed('implicit.ts'), ['buy milk', 'buy bread', 'the last flow: BACK_PATH']);
  },
  'fastify-session.ts': async (t) => {
    t.same(await printed('fastify-session.ts', t.testdir()), [
      'old cookie: ada, new cookie: ada',
      'under another key: true',
    ]);
  },
};

for (const [program, run] of Object.entries(PROGRAMS)) t.test(program, run);

t.test('every program of the page is run', async (t) => {
  t.same(
    readdirSync(folder)
      .filter((name) => name.endsWith('.ts'))
      .sort(),
    Object.keys(PROGRAMS).sort(),
  );
});
