import type { Writable } from 'node:stream';
import { type Level, type Logger, pino } from 'pino';
import { scrub } from './scrub.ts';

export type { Logger } from 'pino';

/** Bytes of log lines that may wait for a reader; what comes beyond is dropped and counted. */
const MAX_WAITING = 1024 * 1024;
/** Made by the formatter or by pino itself. */
const CLEAN: ReadonlySet<string> = new Set(['level', 'time', 'pid', 'err']);

/**
 * The log of the service: one JSON line per entry, ISO time, `level` as a word.
 *
 * Promises: nothing that `scrub` recognises as a secret is written, in whatever field it comes; a reader that went
 * away or reads no more neither ends nor delays the service. Requests are not logged: their record is the audit line.
 */
export function openLog(level: Level, stream: Writable): Logger {
  return pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => scrub(fields) as Record<string, unknown>,
      },
      // The formatter has made plain data of them; pino's own would not know what to hide.
      serializers: { err: (plain: unknown) => plain },
      hooks: {
        // Of a bare error pino would take the message as `msg`, past the formatter.
        logMethod([first, ...rest], method) {
          const bare = (first as unknown) instanceof Error;
          const given = bare ? [{ err: first }, ...(rest.length > 0 ? rest : ['failed'])] : [first, ...rest];
          method.apply(this, given as unknown as Parameters<typeof method>);
        },
      },
    },
    patient(stream),
  );
}

/** A stream whose failures are nobody's business and whose backlog is bounded. */
function patient(stream: Writable): { write(line: string): void } {
  let dropped = 0;
  stream.on('error', () => {});
  return {
    write(line) {
      if (stream.destroyed || stream.writableLength > MAX_WAITING) {
        dropped++;
        return;
      }
      if (dropped > 0) stream.write(`{"level":"warn","msg":"log lines were dropped","dropped":${dropped}}\n`);
      dropped = 0;
      stream.write(clean(line));
    },
  };
}

/** The message, its arguments and the bindings of child loggers reach a line without passing the formatter. */
function clean(line: string): string {
  const entries = Object.entries(JSON.parse(line) as Record<string, unknown>);
  const cleaned = entries.map(([name, value]) => [name, CLEAN.has(name) ? value : scrub(value, name)]);
  return `${JSON.stringify(Object.fromEntries(cleaned))}\n`;
}
