import type { DefineCommand } from '../command.ts';
import { define as describe } from './data-key-describe.ts';
import { define as get } from './data-key-get.ts';
import { define as list } from './data-key-list.ts';

export const define: DefineCommand = (command, context) => {
  get(command.command('get').summary('get a data key').description('Gets a data key, made first if need be.'), context);
  list(
    command.command('list').summary('list data keys').description('Lists the stored data keys; shows no key.'),
    context,
  );
  const description = 'Shows what is known of a data key; shows no key.';
  describe(command.command('describe').summary('describe a data key').description(description), context);
};
