import { InvalidArgumentError, Option } from 'commander';
import type { Demands, Problem } from '../../secrets-file/check.ts';
import { type DefineCommand, formatOption, single } from '../command.ts';
import { commandFailure } from '../exit.ts';
import type { Io } from '../io.ts';
import { type Format, print, printable } from '../output.ts';
import { type Input, inFile, readInput } from '../secrets/files.ts';
import { looksLikeSecrets, secretsFilesIn } from '../secrets/folders.ts';
import { git } from '../secrets/git.ts';
import { openingSealer } from '../secrets/sealing.ts';
import { openWork, type SealOptions, sealOptions, type Work } from '../secrets/work.ts';

interface Options extends SealOptions {
  readonly offline?: true;
  readonly staged?: true;
  readonly requireFormat?: 'keystead';
  readonly allowKek: readonly string[];
  readonly output?: Format;
}

/** `keystead secrets check [FILE…]`: exit status 1 where something is found. */
export const define: DefineCommand = (command, { io, result }) => {
  sealOptions(command)
    .argument('[file...]', 'secrets files, and folders to look for them in')
    .option('--offline', 'do not try whether the values open')
    .option('--staged', 'the files that git would commit, as it would commit them')
    .addOption(single('--require-format <format>', 'keystead: refuse files in the format of psyml', formatOf))
    .addOption(
      new Option('--allow-kek <uri>', 'the KEK, or key ARN, that files may be under; may be given again')
        .argParser((text: string, earlier: readonly string[]) => [...earlier, text])
        .default([], 'any'),
    )
    .addOption(formatOption())
    .action(async (paths: readonly string[], { output = 'plain', ...options }: Options) => {
      const inputs = options.staged === true ? await staged() : await given(paths, io);
      const found: (Problem & { readonly file: string })[] = [];
      const signal = io.interrupted();
      for (const input of inputs) {
        // Keys are asked for anew, so that one file's key is not tried on another.
        const work = await openWork({ ...io, interrupted: () => signal }, options);
        try {
          const problems = await inFile(input.name, () => problemsIn(input, options, work));
          found.push(...problems.map((problem) => ({ file: input.name, ...problem })));
        } finally {
          await work.close();
        }
      }
      await print(io, output, { files: inputs.length, problems: found }, () => text(inputs.length, found));
      if (found.length > 0) result.exitStatus = 1;
    });
};

async function problemsIn(input: Input, options: Options, work: Work): Promise<Problem[]> {
  const { problemsOf, problemsOfOpening } = await import('../../secrets-file/check.ts');
  const { readSecretsFile } = await import('../../secrets-file/secrets-file.ts');
  try {
    const file = readSecretsFile(input.text, input.name);
    const problems = problemsOf(file, await demandsOf(options));
    if (options.offline === true || problems.length > 0) return problems;
    const deps = { sealer: () => openingSealer(file, work), pace: work.pace };
    const found = await problemsOfOpening(file, deps, work.call);
    return found.map(({ message }) => ({ message: within(input, message) }));
  } catch (error) {
    const failure = commandFailure(error);
    if (failure.reason !== 'bad-secrets-file') throw failure;
    return [{ message: within(input, failure.message) }];
  }
}

/** The name of the file stands beside each problem. */
function within({ name }: Input, message: string): string {
  return message.startsWith(`${name}: `) ? message.slice(name.length + 2) : message;
}

async function demandsOf({ requireFormat, allowKek }: Options): Promise<Demands> {
  const { kekUri, parseKmsUri } = await import('../../core/uri.ts');
  const named = (text: string) => (text.startsWith('kms://') ? kekUri(parseKmsUri(text)) : text);
  return {
    ...(requireFormat === undefined ? {} : { format: requireFormat }),
    ...(allowKek.length === 0 ? {} : { keks: allowKek }),
    sameKek: (one, other) => named(one) === named(other),
  };
}

async function given(paths: readonly string[], io: Io): Promise<Input[]> {
  const files = await secretsFilesIn(paths.length === 0 ? ['.'] : paths);
  return Promise.all(files.map((path) => readInput(path, io)));
}

async function staged(): Promise<Input[]> {
  // Names from the root, whatever `diff.relative` says, and the bytes as they are, whatever a `textconv` shows.
  const asked = ['--cached', '--no-relative', '--ignore-submodules=all', '--name-only', '--diff-filter=d', '-z'];
  const names = (await git(['diff', ...asked])).split('\0');
  const inputs: Input[] = [];
  for (const name of names.filter((name) => /\.ya?ml$/i.test(name))) {
    const text = await git(['cat-file', 'blob', `:0:${name}`]);
    if (looksLikeSecrets(text)) inputs.push({ name, text });
  }
  return inputs;
}

function formatOf(text: string): 'keystead' {
  if (text === 'keystead') return text;
  throw new InvalidArgumentError('give keystead');
}

function text(files: number, problems: readonly (Problem & { readonly file: string })[]): string {
  const lines = problems.map(({ file, line, message }) => {
    const where = line === undefined || /^line \d/.test(message) ? file : `${file}: line ${line}`;
    return `${printable(`${where}: ${message}`)}\n`;
  });
  const verdict = problems.length === 0 ? 'nothing to say' : `${problems.length} to look at`;
  return `${lines.join('')}${files} ${files === 1 ? 'file' : 'files'}, ${verdict}\n`;
}
