#!/usr/bin/env node
import { endProcess } from './end.ts';
import { systemIo } from './io.ts';
import { run } from './program.ts';

await endProcess(process, await run(process.argv.slice(2), systemIo()));
