import type { KeysteadError } from '../../core/errors.ts';
import type { DefineCommand } from '../command.ts';
import { define as decrypt } from './secrets-decrypt.ts';
import { define as diff } from './secrets-diff.ts';
import { define as encrypt } from './secrets-encrypt.ts';
import { define as exportValues } from './secrets-export.ts';
import { define as nuke } from './secrets-nuke.ts';
import { define as refresh } from './secrets-refresh.ts';
import { define as save } from './secrets-save.ts';
import { define as sync } from './secrets-sync.ts';

const COMMANDS: Readonly<Record<string, readonly [define: DefineCommand, summary: string]>> = {
  encrypt: [encrypt, 'seal the secrets of a file that are in plain text'],
  decrypt: [decrypt, 'open every secret of a file'],
  refresh: [refresh, 'seal every secret of a file anew, under the current key'],
  save: [save, 'put every parameter of a file into its store'],
  nuke: [nuke, 'delete every parameter of a file from its store'],
  diff: [diff, 'compare a file with its store'],
  sync: [sync, 'make the store as the file says'],
  export: [exportValues, 'print the values as variables of a shell, as dotenv or as JSON'],
};

/** `keystead secrets VERB FILE…`. Exit status as psyml has it: 1 for what fails, 2 for a wrong command line. */
export const define: DefineCommand = (command, context) => {
  context.result.statusOf = exitStatus;
  for (const [name, [define, summary]] of Object.entries(COMMANDS)) {
    define(
      command
        .command(name)
        .summary(summary)
        .description(`${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.`),
      context,
    );
  }
};

/** A decision of its own: docs/decisions/0008-exit-status-of-secrets.md. */
function exitStatus(failure: KeysteadError): number {
  if (failure.code === 'canceled') return failure.exitStatus;
  return failure.reason === 'bad-usage' ? 2 : 1;
}
