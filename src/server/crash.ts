import { CODES } from '../core/errors.ts';
import type { Logger } from '../telemetry/log.ts';

/**
 * Ends the process on an error that nobody caught: its state is unknown, and keys are at stake. The log says why.
 * Gives back how to stop doing so.
 */
export function exitOnCrash(process: NodeJS.Process, log: Logger): () => void {
  const crash = (error: unknown) => {
    try {
      log.fatal({ err: error instanceof Error ? error : new Error(String(error)) }, 'crashed');
    } finally {
      process.exit(CODES.internal.exit);
    }
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
  return () => {
    process.off('uncaughtException', crash);
    process.off('unhandledRejection', crash);
  };
}
