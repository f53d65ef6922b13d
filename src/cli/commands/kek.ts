import type { DefineCommand } from '../command.ts';
import { define as bootstrap } from './kek-bootstrap.ts';
import { define as generate } from './kek-generate.ts';
import { define as status } from './kek-status.ts';

export const define: DefineCommand = (command, context) => {
  const made =
    'Makes the files mastersecret and salt, offline. Whoever has them has every derived key: keep a copy safe.';
  generate(command.command('generate').summary('make a master secret and a salt').description(made), context);
  const given = 'Gives a sealed service its key-encryption key.';
  bootstrap(command.command('bootstrap').summary('give a service its KEK').description(given), context);
  const shown = 'Shows the fingerprint of the service; exit status 65 while it is sealed.';
  status(command.command('status').summary("show a service's KEK").description(shown), context);
};
