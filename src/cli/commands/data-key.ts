import type { DefineCommand } from '../command.ts';
import { define as remove } from './data-key-delete.ts';
import { define as describe } from './data-key-describe.ts';
import { define as get } from './data-key-get.ts';
import { define as list } from './data-key-list.ts';
import { define as restore } from './data-key-restore.ts';
import { define as rewrap } from './data-key-rewrap.ts';
import { define as rotate } from './data-key-rotate.ts';

export const define: DefineCommand = (command, context) => {
  get(command.command('get').summary('get a data key').description('Gets a data key, made first if need be.'), context);
  list(
    command.command('list').summary('list data keys').description('Lists the stored data keys; shows no key.'),
    context,
  );
  const description = 'Shows what is known of a data key; shows no key.';
  describe(command.command('describe').summary('describe a data key').description(description), context);
  const subcommand = (name: string, summary: string, text: string) =>
    command.command(name).summary(summary).description(text);
  rotate(
    subcommand('rotate', 'make a new version', 'Makes a new version of a stored data key; old ones still open.'),
    context,
  );
  const kept = 'Wraps stored data keys under the newest version of the KEK; the keys stay what they are.';
  rewrap(subcommand('rewrap', 'wrap a data key again, or all of them', kept), context);
  const soft = 'Takes a stored data key out of use; it can be restored until it is purged.';
  remove(subcommand('delete', 'delete a data key', soft), context);
  restore(subcommand('restore', 'take a deletion back', 'Takes the deletion of a data key back.'), context);
};
