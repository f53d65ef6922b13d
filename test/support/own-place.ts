import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * A new folder that nobody but this user and root can change, nor any folder above it; gone with the test. Undefined
 * where a machine has none: a checkout may belong to somebody else, or to a group.
 */
export function ownPlace(t: { testdirName: string; teardown(fn: () => unknown): unknown }): string | undefined {
  const place = [dirname(t.testdirName), homedir()].find(isOwn);
  if (place === undefined) return undefined;
  const folder = mkdtempSync(join(place, '.keystead-test-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function isOwn(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || ![process.getuid?.(), 0].includes(found.uid) || (found.mode & 0o022) !== 0) return false;
  return path === dirname(path) || isOwn(dirname(path));
}
