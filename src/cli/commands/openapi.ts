import { InvalidArgumentError } from 'commander';
import { stringify } from 'yaml';
import { type DefineCommand, single } from '../command.ts';
import { write } from '../output.ts';

/** `keystead openapi`: the document that a service has at /openapi.json. */
export const define: DefineCommand = (command, { io }) => {
  command
    .addOption(single('--output <format>', 'yaml (the default) or json', format))
    .action(async ({ output = 'yaml' }: { output?: 'yaml' | 'json' }) => {
      const { openapiDocument } = await import('../../server/http/openapi.ts');
      const document = await openapiDocument();
      await write(io.stdout, output === 'yaml' ? stringify(document) : `${JSON.stringify(document, null, 2)}\n`);
    });
};

function format(text: string): 'yaml' | 'json' {
  if (text === 'yaml' || text === 'json') return text;
  throw new InvalidArgumentError('give yaml or json');
}
