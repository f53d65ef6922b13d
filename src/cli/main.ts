#!/usr/bin/env node
import { CODES } from '../core/errors.ts';
import { keepCompiled } from './compile-cache.ts';
import { holdHangups } from './hangups.ts';
import { tooOldNode } from './node-version.ts';

const tooOld = tooOldNode(process.versions.node);
if (tooOld !== undefined) {
  process.stderr.write(`${tooOld}\n`);
  process.exit(CODES.unimplemented.exit);
}
const argv = process.argv.slice(2);
const called = argv.find((word) => !word.startsWith('-'));
// Before anything else is loaded: whoever renews certificates does not know that the service is just starting.
const hangups = called === 'serve' ? holdHangups(process) : undefined;
// docs/decisions/0006-the-binary-is-bundled.md: no service runs what somebody may write to.
if (called === 'secrets' && import.meta.filename.endsWith('.js')) keepCompiled(process.env);
const [{ endProcess }, { systemIo }, { run }] = await Promise.all([
  import('./end.ts'),
  import('./io.ts'),
  import('./program.ts'),
]);
await endProcess(process, await run(argv, systemIo(hangups)));
