import type { DefineCommand } from '../command.ts';
import { define as adopt } from './key-adopt.ts';
import { define as apply, defineRun } from './key-apply.ts';
import { define as plan } from './key-plan.ts';
import { define as status } from './key-status.ts';

export const define: DefineCommand = (command, context) => {
  const planned = 'Tells what apply would do, and does nothing. Exit status 2: something is not as declared.';
  plan(command.command('plan').summary('show what is not as declared').description(planned), context);
  const applied =
    'Brings keys to their declared state: makes, adopts, changes, enables, disables, terminates or restores them.';
  apply(command.command('apply').summary('bring keys to their declared state').description(applied), context);
  const told = 'Tells the state of declared keys, and which earlier keys of their names are being deleted.';
  status(command.command('status').summary('show the state of declared keys').description(told), context);
  const adopted = 'Writes a declaration of keys that exist.';
  adopt(command.command('adopt').summary('write a declaration from what exists').description(adopted), context);
  for (const [verb, state] of [
    ['run', 'running'],
    ['stop', 'stopped'],
    ['terminate', 'terminated'],
  ] as const) {
    const summary = `apply with the state ${state}`;
    defineRun(command.command(verb).summary(summary).description(`As apply --state ${state}.`), context, state);
  }
};
