import type { DefineCommand } from '../command.ts';
import { define as verify } from './storage-verify.ts';

export const define: DefineCommand = (command, context) => {
  const description = 'Has the service open every version of every stored data key; shows no key, changes nothing.';
  verify(command.command('verify').summary('open all stored data keys').description(description), context);
};
