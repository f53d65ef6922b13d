import { readFileSync } from 'node:fs';
import type { Config } from '../config/schema.ts';

/** Files that connections leave to everything else: the audit trail, calls to the KMS and the store, what is read. */
const RESERVED = 512;

/**
 * Connections at a time of each listener of this process: what is configured, and no more than the files that it may
 * have open allow. Without any left, Node cannot even measure its memory, and the process ends.
 */
export function connectionLimit(
  { limits, grpc, admin }: Pick<Config, 'limits' | 'grpc' | 'admin'>,
  files = mostFiles(),
): number {
  const listeners = 1 + Number(grpc.listen !== 'off') + Number(admin.listen !== 'off');
  const reserved = Math.min(RESERVED, Math.floor(files / 3));
  return Math.max(1, Math.min(limits.connections, Math.floor((files - reserved) / listeners)));
}

/** How many files this process may have open, where the system tells: Linux does. */
function mostFiles(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
