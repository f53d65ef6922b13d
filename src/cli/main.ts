#!/usr/bin/env node
import { holdHangups } from './hangups.ts';

const argv = process.argv.slice(2);
// Before anything else is loaded: whoever renews certificates does not know that the service is just starting.
const hangups = argv.find((word) => !word.startsWith('-')) === 'serve' ? holdHangups(process) : undefined;
const [{ endProcess }, { systemIo }, { run }] = await Promise.all([
  import('./end.ts'),
  import('./io.ts'),
  import('./program.ts'),
]);
await endProcess(process, await run(argv, systemIo(hangups)));
