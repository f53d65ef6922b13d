import type { DefineCommand } from '../command.ts';
import { define as verify } from './audit-verify.ts';

export const define: DefineCommand = (command, context) => {
  const checked =
    'Checks an audit trail offline: finds lines that were changed, removed, moved, put in or cut off. FILE.head beside a file is read too.';
  verify(command.command('verify').summary('check an audit trail offline').description(checked), context);
};
