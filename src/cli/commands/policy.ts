import type { DefineCommand } from '../command.ts';
import { define as check } from './policy-check.ts';
import { define as explain } from './policy-explain.ts';

export const define: DefineCommand = (command, context) => {
  const checked =
    'Reads a policy, offline, and tells what is hardly meant: rules that nothing reaches, denials that another one makes needless, rights for everybody.';
  check(command.command('check').summary('check a policy file').description(checked), context);
  const explained =
    'Tells why the service refused, by the audit id that the caller was given; or, with --policy, what a policy file says of a request.';
  explain(command.command('explain').summary('tell why a request is refused').description(explained), context);
};
