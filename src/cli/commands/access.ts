import type { DefineCommand } from '../command.ts';
import { define as env } from './access-env.ts';
import { define as exec } from './access-exec.ts';
import { define as probe } from './access-probe.ts';
import { define as show } from './access-show.ts';

export const define: DefineCommand = (command, context) => {
  const shown =
    'Prints the chains of roles of an accessor file, hop by hop; with --account, to that account. Makes no call.';
  show(command.command('show').summary('print the chains of roles').description(shown), context);
  const probed = 'Tries to come into an account, or into many with --all, and says by which chain, or why not.';
  probe(command.command('probe').summary('try to come into accounts').description(probed), context);
  const printed =
    'Comes into an account and prints the variables of the session, its secrets hidden; with --export, as lines for eval, secrets and all.';
  env(command.command('env').summary('print the variables of a session').description(printed), context);
  const run =
    'Comes into an account and runs a command with the variables of the session, which never stand on a command line.';
  exec(command.command('exec').summary('run a command with a session').description(run), context);
};
