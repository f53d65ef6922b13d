import { CommanderError } from 'commander';
import { KeysteadError } from '../core/errors.ts';
import { printableJson } from '../core/printable-json.ts';
import { printable } from './output.ts';

/** Turns anything caught into the one error class; what commander refuses is `bad-usage`. */
export function commandFailure(error: unknown): KeysteadError {
  if (error instanceof KeysteadError) return error;
  if (error instanceof CommanderError) return new KeysteadError('bad-usage', usageText(error), { cause: error });
  // A defect of ours. Its text is not shown, since nobody knows what is in it; the place helps who mends it.
  const name = error instanceof Error ? error.name : typeof error;
  const place = /\/((?:src|dist)\/[\w./-]+:\d+)/.exec(error instanceof Error ? (error.stack ?? '') : '')?.[1];
  const where = place === undefined ? '' : ` at ${place}`;
  return new KeysteadError('unexpected', `something unexpected happened (${name}${where}); please report it`, {
    cause: error,
  });
}

/** True for what is no failure at all: help and version were asked for and are printed. */
export function isShown(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}

/** What goes to stderr: one line, or the problem document (RFC 9457) where JSON was asked for. */
export function failureText(error: KeysteadError, json: boolean): string {
  if (!json) return `keystead: ${printable(error.message)} (${error.reason})\n`;
  const { reason, title, httpStatus, message, code, retryable } = error;
  const type = `urn:keystead:problem:${reason}`;
  return `${printableJson({ type, title, status: httpStatus, detail: message, code, reason, retryable })}\n`;
}

/** Whether the failure needs no word: who closed the pipe knows. */
export function isSilent(error: KeysteadError): boolean {
  return error.reason === 'client-gone' && (error.cause as NodeJS.ErrnoException | undefined)?.code === 'EPIPE';
}

/** Whether `--output json` stands on the command line, also on one that cannot be parsed. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  const options = end < 0 ? argv : argv.slice(0, end);
  return options.some((word, at) => word === '--output=json' || (word === '--output' && options[at + 1] === 'json'));
}

/** Commander's words on one line, without the values that it repeats: one of them may be a secret. */
function usageText({ code, message }: CommanderError): string {
  if (code === 'commander.help') return 'a command is missing; see --help';
  const text = message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)/, '; did you mean $1?')
    .replace(/^(option '[^']*') argument '.*' is invalid\. (.*)$/s, '$1: $2')
    .replace(/'(--?[^'=]+)=[^']*'/g, "'$1'");
  return code === 'commander.excessArguments' ? text.replace(/( but got \d+): .*$/s, '$1') : text;
}
