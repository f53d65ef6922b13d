// The entry of a thread: reads a large policy beside the event loop that answers requests (policy-aside.ts).
import { parentPort, workerData } from 'node:worker_threads';
import type { PolicyDocument, RuleDocument } from '../policy/schema.ts';
import { type FromThread, RULES_AT_A_TIME } from './policy-aside.ts';
import { parsePolicy } from './policy-file.ts';

const read = parsePolicy(workerData as Uint8Array);
const say = (message: FromThread) => parentPort?.postMessage(message);

if ('problems' in read) {
  say({ problems: read.problems });
} else {
  hand(read.document, read.sha256);
}

/** So many rules whenever they are asked for: whoever takes them has others to answer in between. */
function hand({ tenants = [], rules = [] }: PolicyDocument, sha256: string): void {
  const waiting: RuleDocument[] = [...rules];
  parentPort?.on('message', () => {
    if (waiting.length > 0) return say({ rules: waiting.splice(0, RULES_AT_A_TIME) });
    say({ sha256 });
    parentPort?.close();
  });
  say({ tenants });
}
