import { createInterface } from 'node:readline/promises';
import { type Command, InvalidArgumentError } from 'commander';
import type { AccountAccess } from '../access/account-access.ts';
import { readSmallFileSync } from '../config/read-small-file.ts';
import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import { unreadable } from '../core/unreadable.ts';
import { single } from './command.ts';
import type { Io } from './io.ts';

/** What commander makes of the options of `accessOptions`. */
export interface AccessFlags {
  readonly accessor: string;
  readonly account?: string;
  readonly region?: string;
  readonly cacheFile?: string;
  readonly cacheKeyFile?: string;
  readonly mfaCodeFile?: string;
}

/** `--accessor`, `--account` and `--region`: which way is meant. */
export function accessorOptions(command: Command): Command {
  return command
    .addOption(single('--accessor <file>', 'accessor file: JSON, YAML or TOML').makeOptionMandatory())
    .addOption(single('--account <id>', 'AWS account to come into, 12 digits', accountId))
    .addOption(single('--region <region>', 'region of the session; without it, the one that the AWS SDK finds'));
}

/** The options of every command that takes roles. */
export function accessOptions(command: Command): Command {
  return accessorOptions(command)
    .addOption(single('--cache-file <file>', 'keeps sessions there, sealed, for the next command'))
    .addOption(single('--cache-key-file <file>', 'file with the 32 bytes that --cache-file is sealed under'))
    .addOption(single('--mfa-code-file <file>', 'file with the code of the MFA device; without it, a terminal asks'));
}

export function accountId(text: string): string {
  if (/^\d{12}$/.test(text)) return text;
  throw new InvalidArgumentError('give an account id of 12 digits');
}

export function accountOf({ account }: Pick<AccessFlags, 'account'>): string {
  if (account !== undefined) return account;
  throw new KeysteadError('bad-usage', 'give the account to come into with --account');
}

/**
 * Opens what the flags name, lets `use` use it, and closes it.
 *
 * @param terminal whose it is: nobody is asked for a code on one that is a command's by then.
 */
export async function withAccess<T>(
  flags: AccessFlags,
  io: Io,
  use: (access: AccountAccess, call: Call) => Promise<T>,
  terminal: { readonly ours: boolean } = { ours: true },
): Promise<T> {
  const { openCommandAccess } = await import('../wiring/command-access.ts');
  if ((flags.cacheFile === undefined) !== (flags.cacheKeyFile === undefined)) {
    throw new KeysteadError('bad-usage', '--cache-file and --cache-key-file are given together or not at all');
  }
  const { access, call, close } = await openCommandAccess({
    file: flags.accessor,
    env: io.env,
    signal: io.interrupted(),
    ...(flags.cacheFile === undefined || flags.cacheKeyFile === undefined
      ? {}
      : { cache: { file: flags.cacheFile, keyFile: flags.cacheKeyFile } }),
    mfaCode: (serial) => mfaCode(serial, flags, io, terminal),
  });
  try {
    return await use(access, call);
  } finally {
    await close();
  }
}

/** Bytes; a code has six digits. */
const MAX_CODE = 64;

async function mfaCode(
  serial: string,
  { mfaCodeFile }: AccessFlags,
  io: Io,
  terminal: { readonly ours: boolean },
): Promise<string> {
  const text = mfaCodeFile === undefined ? await ask(serial, io, terminal) : read(mfaCodeFile);
  const code = text.trim();
  if (/^\d{6}$/.test(code)) return code;
  throw new KeysteadError('bad-usage', `the code of the MFA device ${serial} must have 6 digits`);
}

function read(file: string): string {
  try {
    return readSmallFileSync(file, MAX_CODE).toString('utf8');
  } catch (error) {
    throw unreadable(`the MFA code ${file}`, error);
  }
}

/** On a terminal only: nobody else could answer. */
async function ask(serial: string, io: Io, terminal: { readonly ours: boolean }): Promise<string> {
  if (!terminal.ours || process.stdin.isTTY !== true || io.stderr.isTTY !== true) {
    throw new KeysteadError(
      'bad-usage',
      `the code of the MFA device ${serial} is needed; give it with --mfa-code-file`,
    );
  }
  const asking = createInterface({ input: process.stdin, output: io.stderr });
  try {
    return await asking.question(`code of the MFA device ${serial}: `);
  } finally {
    asking.close();
  }
}
