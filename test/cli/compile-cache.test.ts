import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ownPlace } from '../support/own-place.ts';

const SOURCE = join(import.meta.dirname, '../../src/cli/compile-cache.ts');

/** Where Node keeps what it compiled, in a process that asked for it. */
function kept(caches: string): string | undefined {
  const script = `
    const { keepCompiled } = await import(${JSON.stringify(SOURCE)});
    keepCompiled({ XDG_CACHE_HOME: process.argv[1] });
    const { getCompileCacheDir } = await import('node:module');
    process.stdout.write(getCompileCacheDir() ?? '');`;
  const { NODE_COMPILE_CACHE: _another, ...env } = process.env;
  return execFileSync(process.execPath, ['--input-type=module', '-e', script, caches], { env }).toString() || undefined;
}

/** A home with a folder for caches; undefined where the machine has no place for it. */
function newHome(t: Test): string | undefined {
  const own = ownPlace(t);
  if (own === undefined) return undefined;
  const home = join(own, 'home');
  for (const path of [home, join(home, 'cache')]) {
    mkdirSync(path);
    chmodSync(path, 0o755);
  }
  return home;
}

t.test('what is compiled is kept in a folder that is the user alone', async (t) => {
  const home = newHome(t);
  if (home === undefined) return void t.equal(kept(t.testdir()), undefined, 'there is no such folder here');
  const caches = join(home, 'cache');
  t.ok(kept(caches)?.startsWith(join(caches, 'keystead', 'compiled')));
  t.equal(statSync(join(caches, 'keystead', 'compiled')).mode & 0o777, 0o700);
  symlinkSync(caches, join(caches, '..', 'link'));
  t.ok(kept(join(caches, '..', 'link'))?.startsWith(caches), 'the folder itself, where a link leads to it');
});

t.test('nothing is kept where others could put something into it, or move it away', async (t) => {
  const spoilt: Record<string, (home: string) => void> = {
    'a folder for a group to write': (home) => chmodSync(join(home, 'cache'), 0o775),
    'a folder above it for everybody': (home) => chmodSync(home, 0o777),
    'a folder of an earlier run that was opened': (home) => {
      mkdirSync(join(home, 'cache/keystead/compiled'), { recursive: true });
      chmodSync(join(home, 'cache/keystead/compiled'), 0o777);
    },
    // Only root can give one away, and only root is in danger of running what a user left: sudo may keep HOME.
    ...(process.getuid?.() === 0
      ? { 'a folder of another user': (home: string) => chownSync(home, 65_534, 65_534) }
      : {}),
  };
  for (const [what, spoil] of Object.entries(spoilt)) {
    const home = newHome(t) ?? join(t.testdir({ home: { cache: {} } }), 'home');
    spoil(home);
    t.equal(kept(join(home, 'cache')), undefined, what);
    if (!what.includes('earlier')) t.notOk(existsSync(join(home, 'cache/keystead')), 'nothing is made there');
    if (process.getuid?.() === 0) chownSync(home, 0, 0);
  }
  t.equal(kept('relative/path'), undefined);
});
