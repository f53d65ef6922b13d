import type { Command } from 'commander';
import { KeysteadError } from '../../core/errors.ts';
import { replaceFile } from '../../files/replace-file.ts';
import type { SecretsFile } from '../../secrets-file/secrets-file.ts';
import type { CommandContext } from '../command.ts';
import { commandFailure, failureText } from '../exit.ts';
import { printable, write } from '../output.ts';
import { type Input, inFile, readInput, STDIN } from './files.ts';
import { secretsFilesIn } from './folders.ts';

export interface TransformOptions {
  readonly inPlace?: true;
  readonly recursive?: true;
  readonly dryRun?: true;
}

/** A file, and what a command makes of it; `note` is said on stderr. */
export interface Transformed {
  readonly text: string;
  readonly note?: string;
}

/** The options of every command that makes a new text of a file. */
export function transformOptions(command: Command): Command {
  return command
    .argument('<file...>', 'secrets files; - is standard input')
    .option('-i, --in-place', 'put the result in the place of the file; without it, it goes to standard output')
    .option('-r, --recursive', 'go into folders; together with --in-place or --dry-run')
    .option('--dry-run', 'say which files would change, and change none');
}

/**
 * Gives each file to `work` and the result to where it belongs. Of several files each is whole by itself: one that fails
 * is told on stderr and stays as it is, and the others go on.
 */
export async function transform(
  { io, result }: CommandContext,
  given: readonly string[],
  options: TransformOptions,
  work: (file: SecretsFile) => Promise<Transformed>,
  becomesOwn = false,
): Promise<void> {
  const paths = options.recursive === true ? await secretsFilesIn(given) : given;
  assertUsage(paths, options);
  const { readSecretsFile } = await import('../../secrets-file/secrets-file.ts');
  const one = async (path: string) => {
    const input = await readInput(path, io);
    const file = readSecretsFile(input.text, input.name, becomesOwn);
    for (const warning of file.warnings) await write(io.stderr, `keystead: ${warning}\n`);
    const { text, note } = await inFile(input.name, () => work(file));
    if (note !== undefined) await write(io.stderr, `${printable(input.name)}: ${note}\n`);
    await give(path, input, text, options, { io, result });
  };
  if (paths.length === 1) return one(paths[0] as string);
  for (const path of paths) {
    try {
      await one(path);
    } catch (error) {
      const failure = commandFailure(error);
      if (failure.code === 'canceled') throw failure;
      await write(io.stderr, failureText(failure, false));
      result.exitStatus = result.statusOf?.(failure) ?? failure.exitStatus;
    }
  }
}

async function give(
  path: string,
  input: Input,
  text: string,
  { inPlace, dryRun }: TransformOptions,
  { io }: CommandContext,
): Promise<void> {
  const changed = text !== input.text;
  if (dryRun === true) {
    await write(io.stdout, changed ? `${printable(input.name)}: would change\n` : '');
  } else if (inPlace !== true) {
    await write(io.stdout, text);
  } else if (changed) {
    await replaceFile(path, input.text, text);
  }
}

function assertUsage(paths: readonly string[], { inPlace, dryRun, recursive }: TransformOptions): void {
  if (inPlace === true && paths.includes(STDIN)) {
    throw new KeysteadError('bad-usage', 'standard input has no place; leave --in-place out');
  }
  if (inPlace === true || dryRun === true) return;
  if (recursive === true) throw new KeysteadError('bad-usage', '--recursive goes with --in-place or --dry-run');
  if (paths.length > 1) throw new KeysteadError('bad-usage', 'several files go with --in-place or --dry-run');
}
