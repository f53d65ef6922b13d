import { InvalidArgumentError, Option } from 'commander';
import type { Probed } from '../../access/probe.ts';
import { readSmallFileSync } from '../../config/read-small-file.ts';
import { KeysteadError } from '../../core/errors.ts';
import { unreadable } from '../../core/unreadable.ts';
import { type AccessFlags, accessOptions, accountOf, withAccess } from '../access-options.ts';
import { type DefineCommand, formatOption, single } from '../command.ts';
import type { Io } from '../io.ts';
import { columns, type Format, print, printable, write } from '../output.ts';

interface Flags extends AccessFlags {
  readonly all?: true;
  readonly accounts?: string;
  readonly concurrency?: number;
  readonly output?: Format;
}

/** Accounts at once, where nothing else is said: AWS STS allows some hundred calls a second to an account. */
const CONCURRENCY = 16;
/** Bytes; an account is 13 of them. */
const MAX_ACCOUNTS = 1_048_576;

/** `keystead access probe` */
export const define: DefineCommand = (command, { io, result }) => {
  accessOptions(command)
    .addOption(new Option('--all', 'all accounts of --accounts, or those that the accessor lists'))
    .addOption(
      single('--accounts <file>', 'file with account ids, with blanks or line breaks between; # begins a comment'),
    )
    .addOption(single('--concurrency <number>', `accounts at once, 1 to 256 (${CONCURRENCY})`, atOnce))
    .addOption(formatOption())
    .action(async ({ output = 'plain', ...flags }: Flags) => {
      const probed = await withAccess(flags, io, async (access, call) => {
        const accounts = await accountsOf(flags, io);
        const { probeAccounts } = await import('../../wiring/command-access.ts');
        const tell = progress(io);
        const all = await probeAccounts(
          access,
          accounts,
          { concurrency: flags.concurrency ?? CONCURRENCY, tell },
          call,
        );
        tell?.();
        return all;
      });
      const failed = probed.flatMap(({ error }) => (error === undefined ? [] : [error]));
      const only = probed.length === 1 ? failed[0] : undefined;
      if (only !== undefined && flags.all === undefined) throw only;
      const value = { accounts: probed.map(json), reached: probed.length - failed.length, failed: failed.length };
      await print(io, output, value, () => plain(probed));
      const worst = failed.find(({ retryable }) => !retryable) ?? failed[0];
      if (worst !== undefined) result.exitStatus = worst.exitStatus;
    });
};

async function accountsOf(flags: Flags, io: Io): Promise<readonly string[]> {
  if (flags.all === undefined) {
    if (flags.accounts === undefined) return [accountOf(flags)];
    throw new KeysteadError('bad-usage', '--accounts goes with --all');
  }
  if (flags.account !== undefined) throw new KeysteadError('bad-usage', 'give --account or --all, not both');
  if (flags.accounts !== undefined) return listed(flags.accounts);
  const { describeAccessor } = await import('../../wiring/command-access.ts');
  const { accounts } = (await describeAccessor(flags.accessor, io.env, undefined)).accessor;
  if (accounts.length > 0) return accounts;
  throw new KeysteadError(
    'bad-usage',
    'which accounts are all? give --accounts FILE, or list accounts in the accessor',
  );
}

function listed(file: string): string[] {
  let text: string;
  try {
    text = readSmallFileSync(file, MAX_ACCOUNTS).toString('utf8');
  } catch (error) {
    throw unreadable(`the accounts ${file}`, error);
  }
  const words = text
    .replace(/#.*$/gm, '')
    .split(/[\s,]+/)
    .filter((word) => word !== '');
  const wrong = words.findIndex((word) => !/^\d{12}$/.test(word));
  if (wrong >= 0)
    throw new KeysteadError('bad-account', `entry ${wrong + 1} of ${file} is not an account id of 12 digits`);
  if (words.length > 0) return words;
  throw new KeysteadError('bad-usage', `${file} holds no account`);
}

function atOnce(text: string): number {
  const number = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= 256) return number;
  throw new InvalidArgumentError('give a whole number from 1 to 256');
}

/** A line that is written over, on a terminal; called without numbers, it goes away. */
function progress(io: Io): ((done?: number, of?: number) => void) | undefined {
  if (io.stderr.isTTY !== true) return undefined;
  return (done, of) => {
    const line = done === undefined ? '' : `${done} of ${of} accounts`;
    write(io.stderr, `\r\u001b[2K${line}`).catch(() => {}); // only for show
  };
}

function json({ account, ms, arn, chain, error }: Probed): object {
  const { reason, message, retryable } = error ?? {};
  return error === undefined
    ? { account, ok: true, arn, ...(chain === undefined ? {} : { chain }), ms }
    : { account, ok: false, reason, message, retryable, ms };
}

function plain(probed: readonly Probed[]): string {
  const rows = probed.map(({ account, ms, arn, error }) => [
    account,
    error === undefined ? 'ok' : error.reason,
    `${ms} ms`,
    printable(error === undefined ? (arn ?? '') : error.message),
  ]);
  const failed = probed.filter(({ error }) => error !== undefined).length;
  const sum = probed.length === 1 ? '' : `${probed.length - failed} of ${probed.length} accounts reached\n`;
  return `${columns([['ACCOUNT', 'RESULT', 'TOOK', 'SESSION'], ...rows])}${sum}`;
}
