import type { Command } from 'commander';
import { explainConfig, explainedText } from '../../config/explain.ts';
import { resolveConfig } from '../../config/load.ts';
import { type CommandContext, type DefineCommand, formatOption } from '../command.ts';
import { configInputs, configOptions } from '../config-options.ts';
import { type Format, print, printable } from '../output.ts';

export const define: DefineCommand = (command, context) => {
  const description =
    'Prints each setting, its value without secrets, and where the value comes from. Takes the options of serve.';
  explain(command.command('explain').summary('print each setting and its source').description(description), context);
};

/** `keystead config explain` */
function explain(command: Command, { io }: CommandContext): void {
  configOptions(command)
    .addOption(formatOption())
    .action(async ({ output }: { output?: Format }, called: Command) => {
      const resolved = resolveConfig(configInputs(called, io));
      const explained = explainConfig(resolved);
      const value = { ...(resolved.file === undefined ? {} : { file: resolved.file }), settings: explained };
      await print(io, output ?? 'plain', value, () => explainedText(explained.map(visible)));
    });
}

function visible<T extends { readonly value?: unknown; readonly source: string }>(setting: T): T {
  const { value, source } = setting;
  return {
    ...setting,
    source: printable(source),
    ...(typeof value === 'string' ? { value: printable(value) } : {}),
  };
}
