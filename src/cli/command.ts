import { type Command, InvalidArgumentError, Option } from 'commander';
import { assertDataKeyId } from '../core/data-key-id.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Io } from './io.ts';
import type { Format } from './output.ts';

/** What a command is given: the world outside, and where to say how it ended if not well and without an error. */
export interface CommandContext {
  readonly io: Io;
  readonly result: {
    exitStatus: number;
    /** Where a command's exit status is not that of the error table. */
    statusOf?: (failure: KeysteadError) => number;
  };
}

/** Gives a command its arguments, options, subcommands and action. */
export type DefineCommand = (command: Command, context: CommandContext) => void;

/** An option with a value, to be given once: of two values, one would be dropped without a word. */
export function single<T = string>(flags: string, description: string, parse?: (text: string) => T): Option {
  return new Option(flags, description).argParser((text: string, earlier: unknown) => {
    if (earlier !== undefined) throw new InvalidArgumentError('it is given twice');
    return parse === undefined ? text : parse(text);
  });
}

/** An option that may be given again. */
export function several<T>(flags: string, description: string, parse: (text: string) => T): Option {
  return new Option(flags, description)
    .argParser((text: string, earlier: readonly T[]) => [...earlier, parse(text)])
    .default([], 'none');
}

/** `--output plain|json`, the format of a result. */
export function formatOption(): Option {
  return single<Format>('--output <format>', 'plain (the default) or json', (text) => {
    if (text === 'plain' || text === 'json') return text;
    throw new InvalidArgumentError('give plain or json');
  });
}

/**
 * A reader of the name of a new file, or of the word for a format. It refuses `-`: where that were standard output, what
 * is told of a key would go where the key itself was meant to go.
 *
 * @param stdout what to give for standard output.
 */
export function newFileOrFormat(stdout: string): (text: string) => string {
  return (text) => {
    if (text === '') throw new InvalidArgumentError('give the name of a file');
    if (text !== '-') return text;
    throw new InvalidArgumentError(`for standard output give ${stdout}; a file of that name is ./-`);
  };
}

/** Reads a whole number; nothing else looks like one. */
export function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('give a whole number');
}

/**
 * Reads a data key's id. The runtime puts U+FFFD where an argument is not UTF-8, so that two ids would name one key:
 * such an id is refused here, and can be asked for over the API.
 */
export function dataKeyId(text: string): string {
  assertDataKeyId(text);
  if (text.includes('\ufffd')) {
    throw new KeysteadError(
      'bad-id',
      'the data key id is not UTF-8, or holds U+FFFD, which the command line cannot tell apart',
    );
  }
  return text;
}
