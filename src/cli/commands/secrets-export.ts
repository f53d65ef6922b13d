import { InvalidArgumentError } from 'commander';
import { KeysteadError } from '../../core/errors.ts';
import type { ExportFormat } from '../../secrets-file/export.ts';
import { type DefineCommand, formatOption, single } from '../command.ts';
import { type Format, write } from '../output.ts';
import { inFile, readInput } from '../secrets/files.ts';
import { openWork, plainValues, type SealOptions, sealOptions } from '../secrets/work.ts';

interface Options extends SealOptions {
  readonly format?: ExportFormat;
  readonly output?: Format;
}

/** `keystead secrets export FILE [NAME…]` */
export const define: DefineCommand = (command, { io }) => {
  sealOptions(
    command
      .argument('<file>', 'secrets file; - is standard input')
      .argument('[name...]', 'only these parameters')
      .addOption(single('--format <format>', 'shell (the default), dotenv or json', formatOf))
      .addOption(formatOption()),
  ).action(async (path: string, names: readonly string[], options: Options) => {
    const format = formatIn(options);
    const { formatVariables, picked, variablesOf } = await import('../../secrets-file/export.ts');
    const { readSecretsFile } = await import('../../secrets-file/secrets-file.ts');
    const input = await readInput(path, io);
    const file = readSecretsFile(input.text, input.name);
    const wanted = picked(file.parameters, names);
    const work = await openWork(io, options);
    try {
      const values = await inFile(input.name, () => plainValues(file, wanted, work));
      await write(io.stdout, formatVariables(variablesOf(file, values), format));
    } finally {
      await work.close();
    }
  });
};

/** `--output` says no more here than `--format` does; it is the name that every command has. */
function formatIn({ format, output }: Options): ExportFormat {
  if (format !== undefined && output !== undefined) {
    throw new KeysteadError('bad-usage', '--format and --output are the same here; give one of them');
  }
  return format ?? (output === 'json' ? 'json' : 'shell');
}

function formatOf(text: string): ExportFormat {
  if (text === 'shell' || text === 'dotenv' || text === 'json') return text;
  throw new InvalidArgumentError('give shell, dotenv or json');
}
