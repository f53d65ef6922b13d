import type { Writable } from 'node:stream';
import type { AuditEvent, AuditSink } from '../core/audit.ts';

/** One JSON line per event on a stream. Resolves when the stream has written the line. */
export function streamAudit(stream: Writable): AuditSink {
  return {
    write: (event) =>
      new Promise((resolve, reject) => {
        stream.write(auditLine(event), (error) => (error ? reject(error) : resolve()));
      }),
    close: async () => {},
  };
}

/** docs/formats/audit.md */
export function auditLine(event: AuditEvent): string {
  return `${JSON.stringify({ audit: 1, ...event })}\n`;
}
