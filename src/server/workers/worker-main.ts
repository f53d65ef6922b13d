import { work } from './worker.ts';

// The entry of a worker process: node:cluster starts this file.
work(process);
