import { InvalidArgumentError } from 'commander';
import type { ExportFormat } from '../../secrets-file/export.ts';
import { type DefineCommand, single } from '../command.ts';
import { write } from '../output.ts';
import { readInput } from '../secrets/files.ts';
import { openWork, plainValues, type SealOptions, sealOptions } from '../secrets/work.ts';

/** `keystead secrets export FILE [NAME…]` */
export const define: DefineCommand = (command, { io }) => {
  sealOptions(
    command
      .argument('<file>', 'secrets file; - is standard input')
      .argument('[name...]', 'only these parameters')
      .addOption(single('--format <format>', 'shell (the default), dotenv or json', formatOf)),
  ).action(
    async (path: string, names: readonly string[], options: SealOptions & { readonly format?: ExportFormat }) => {
      const { formatVariables, picked, variablesOf } = await import('../../secrets-file/export.ts');
      const { readSecretsFile } = await import('../../secrets-file/secrets-file.ts');
      const input = await readInput(path, io);
      const file = readSecretsFile(input.text, input.name);
      const wanted = picked(file.parameters, names);
      const work = await openWork(io, options);
      try {
        const values = await plainValues(file, wanted, work);
        await write(io.stdout, formatVariables(variablesOf(file, values), options.format ?? 'shell'));
      } finally {
        await work.close();
      }
    },
  );
};

function formatOf(text: string): ExportFormat {
  if (text === 'shell' || text === 'dotenv' || text === 'json') return text;
  throw new InvalidArgumentError('give shell, dotenv or json');
}
