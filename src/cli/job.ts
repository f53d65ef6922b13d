import type { Command } from 'commander';
import type { FailedRecord, JobOptions, JobPage } from '../client/job.ts';
import { CODES, KeysteadError } from '../core/errors.ts';
import { type CommandContext, single, wholeNumber } from './command.ts';
import type { Io } from './io.ts';
import { entries, type Format, print, printable, write } from './output.ts';

/** What commander makes of the options of `jobOptions`. */
export interface JobFlags {
  readonly resume?: string;
  readonly pageSize?: number;
}

/** The options of every walk over all data keys. */
export function jobOptions(command: Command): Command {
  return command
    .addOption(single('--resume <token>', 'go on where a run that was cut short has ended'))
    .addOption(
      single('--page-size <number>', 'data keys of one call at most, 1 to 1000; 100 when absent', wholeNumber),
    );
}

export function pageOf({ resume, pageSize }: JobFlags): JobOptions {
  return {
    ...(resume === undefined ? {} : { pageToken: resume }),
    ...(pageSize === undefined ? {} : { pageSize }),
  };
}

/** Where a run is. */
interface Tally {
  done: number;
  changed: number;
  readonly failed: FailedRecord[];
  /** Where the next run goes on, if this one ends here. */
  nextPageToken: string | undefined;
  /** A line of progress stands on the terminal. */
  shown: boolean;
}

/**
 * Takes page after page, shows on a terminal how far it is, and says in the end what came of it, also when it was cut
 * short; the exit status is 65 when something is wrong with a record, 75 when another run may find nothing wrong.
 */
export async function runJob(
  pages: AsyncIterable<JobPage>,
  options: JobFlags & { readonly output?: Format },
  { io, result }: CommandContext,
): Promise<void> {
  const tally: Tally = { done: 0, changed: 0, failed: [], nextPageToken: options.resume, shown: false };
  const format = options.output ?? 'plain';
  try {
    for await (const page of pages) {
      add(page, tally);
      if (format === 'plain' && page.failed.length > 0) {
        await endProgress(io, tally);
        await write(io.stdout, page.failed.map(failedLine).join(''));
      }
      await showProgress(io, tally);
    }
  } catch (error) {
    // A token that leads to no page leads to none next time.
    if (error instanceof KeysteadError && error.reason === 'no-page') tally.nextPageToken = undefined;
    // Of a run that got nowhere there is nothing to tell.
    if (tally.nextPageToken !== undefined || tally.done > 0) await summarize(io, format, tally);
    throw error;
  }
  await summarize(io, format, tally);
  if (tally.failed.length > 0) {
    const mayPass = tally.failed.every(({ retryable }) => retryable);
    result.exitStatus = mayPass ? CODES.unavailable.exit : CODES.data_loss.exit;
  }
}

function add(page: JobPage, tally: Tally): void {
  tally.done += page.done;
  tally.changed += page.changed;
  tally.failed.push(...page.failed);
  tally.nextPageToken = page.nextPageToken;
}

function failedLine({ record, id, reason, detail }: FailedRecord): string {
  return `${printable(id ?? record)}  ${printable(detail)} (${reason})\n`;
}

/** Numbers that only grow, so each line covers the one before. */
async function showProgress(io: Io, tally: Tally): Promise<void> {
  if (!io.stderr.isTTY) return;
  tally.shown = true;
  const { done, changed, failed } = tally;
  await write(io.stderr, `\r${done} looked at, ${changed} changed, ${failed.length} failed`);
}

/** What follows begins a line of its own. */
async function endProgress(io: Io, tally: Tally): Promise<void> {
  if (tally.shown) await write(io.stderr, '\n');
  tally.shown = false;
}

async function summarize(io: Io, format: Format, tally: Tally): Promise<void> {
  await endProgress(io, tally);
  const { done, changed, failed, nextPageToken } = tally;
  const json = failed.map(({ id, ...rest }) => (id === undefined ? rest : { dataKeyId: id, ...rest }));
  await print(io, format, { done, changed, failed: json, nextPageToken }, () =>
    entries({ 'looked at': done, changed, failed: failed.length, 'go on with --resume': nextPageToken }),
  );
}
