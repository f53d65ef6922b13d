import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/**
 * Loaded by `--import` into a process whose writing is to break where `BROKEN_WRITES` says: `half-written`: killed when
 * half of a file's text is there; `written`: killed before a rename; `renamed`: behind it; `full`: half of a text, and
 * then no room. Killed is SIGKILL, and the call never ends.
 */
const at = process.env['BROKEN_WRITES'];

const { open, rename } = fs;
const never = () => new Promise<never>(() => {});

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return never();
}

async function halfOf(file: FileHandle, text: string): Promise<never> {
  writeSync(file.fd, text.slice(0, text.length / 2));
  if (at === 'full') throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
  return die();
}

if (at === 'half-written' || at === 'full') {
  fs.open = async (...given: Parameters<typeof open>) => {
    const file = await open(...given);
    return Object.assign(file, { writeFile: (text: string) => halfOf(file, text) });
  };
}
if (at === 'written' || at === 'renamed') {
  fs.rename = async (...given: Parameters<typeof rename>) => {
    if (at === 'renamed') await rename(...given);
    return die();
  };
}
syncBuiltinESMExports();
