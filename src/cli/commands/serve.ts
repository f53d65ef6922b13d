import type { Command } from 'commander';
import { loadConfig } from '../../config/load.ts';
import type { DefineCommand } from '../command.ts';
import { configInputs, configOptions } from '../config-options.ts';

/** `keystead serve`: runs until it is told to stop. A reload reads the same file, environment and flags again. */
export const define: DefineCommand = (command, { io, result }) => {
  configOptions(command).action(async (_options: unknown, called: Command) => {
    const reload = async () => loadConfig(configInputs(called, io));
    const config = await reload();
    const { serve } = await import('../../server/serve.ts');
    result.exitStatus = await serve({ config, reload, ...(io.hangups && { hangups: io.hangups }) });
  });
};
