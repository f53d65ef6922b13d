import type { Writable } from 'node:stream';
import type { AuditSink } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import { auditLines } from './audit-line.ts';
import { LineWriter } from './line-writer.ts';

export interface StreamAuditOptions {
  readonly clock: Clock;
  /** Milliseconds that the stream may take for one write. */
  readonly deadline?: number;
  /** Bytes of lines that may wait for the stream. */
  readonly maxWaiting?: number;
}

const DEADLINE = 5000;
const MAX_WAITING = 4 * 1024 * 1024;

/**
 * One JSON line per event on a stream (docs/formats/audit.md). `write` resolves when the stream has written the line:
 * for a file, a pipe or a terminal the operating system has it then; it is not synced to a disk.
 */
export function streamAudit(stream: Writable, options: StreamAuditOptions): AuditSink {
  const line = auditLines();
  const { clock, deadline = DEADLINE, maxWaiting = MAX_WAITING } = options;
  const writer = new LineWriter({ stream, clock, deadline, maxWaiting });
  return {
    write: (event) => writer.write(line(event)),
    failure: () => writer.failure,
    close: () => writer.close(),
  };
}
