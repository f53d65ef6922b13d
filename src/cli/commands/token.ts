import type { DefineCommand } from '../command.ts';
import { define as generate } from './token-generate.ts';

export const define: DefineCommand = (command, context) => {
  const made = 'Makes a token for a caller, offline. The token is shown once; the auth file gets its hash.';
  generate(command.command('generate').summary('make a token for a caller').description(made), context);
};
