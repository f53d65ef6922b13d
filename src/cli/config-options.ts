import { type Command, Option } from 'commander';
import type { ConfigInputs } from '../config/load.ts';
import { readSmallFileSync } from '../config/read-small-file.ts';
import { SETTINGS } from '../config/settings.ts';
import { single } from './command.ts';
import type { Io } from './io.ts';

/** Bytes; a configuration has some hundreds. */
const MAX_CONFIG = 1024 * 1024;

/** `--config` and a flag for every setting of the configuration, with the texts of its schema. */
export function configOptions(command: Command): Command {
  command.addOption(single('--config <file>', 'YAML file with settings (KEYSTEAD_CONFIG)'));
  for (const { flag, env, schema } of SETTINGS) {
    const fallback = schema.default === undefined ? '' : `; default ${schema.default}`;
    const description = `${schema.description} (${env}${fallback})`;
    if (schema.type === 'boolean') {
      command.addOption(new Option(`--${flag}`, description)).addOption(new Option(`--no-${flag}`).hideHelp());
    } else {
      command.addOption(single(`--${flag} <value>`, description));
    }
  }
  return command;
}

/** What a configuration is loaded from, as the command line and the environment say. */
export function configInputs(command: Command, io: Io): ConfigInputs {
  const flags: Record<string, string | boolean> = {};
  for (const option of command.options) {
    const name = option.attributeName();
    const known = option.name() === 'config' || SETTINGS.some(({ flag }) => flag === option.name());
    if (known && command.getOptionValueSource(name) === 'cli') flags[option.name()] = command.getOptionValue(name);
  }
  return { flags, env: io.env, readFile: (path) => readSmallFileSync(path, MAX_CONFIG) };
}
