// The entry of a thread: appends to the audit file beside the event loop that answers requests (append-aside.ts).
import { workerData } from 'node:worker_threads';
import { ASKED, type Desk, DONE, ERRNO, FD, FOUND, INODE, LENGTH, SIZE, viewsOf, WRITTEN } from './append-aside.ts';
import { syncedAppend } from './synced-append.ts';

const { path, memory } = workerData as Desk;
const { words, numbers, lines } = viewsOf(memory);

for (let done = 0; ; done++) {
  // Until one more was asked for.
  Atomics.wait(words, ASKED, done);
  const { written, errno, standing } = syncedAppend(words[FD] as number, path, lines.subarray(0, words[LENGTH]));
  words[WRITTEN] = written;
  words[ERRNO] = errno;
  words[FOUND] = standing === undefined ? 0 : 1;
  numbers[INODE] = standing?.ino ?? 0n;
  numbers[SIZE] = standing?.size ?? 0n;
  Atomics.add(words, DONE, 1);
  Atomics.notify(words, DONE);
}
