import type { KeysteadError } from '../../core/errors.ts';
import type { DefineCommand } from '../command.ts';
import { define as check } from './secrets-check.ts';
import { define as decrypt } from './secrets-decrypt.ts';
import { define as diff } from './secrets-diff.ts';
import { define as edit } from './secrets-edit.ts';
import { define as encrypt } from './secrets-encrypt.ts';
import { define as exec } from './secrets-exec.ts';
import { define as exportValues } from './secrets-export.ts';
import { define as get } from './secrets-get.ts';
import { define as gitSetup } from './secrets-git-setup.ts';
import { define as importValues } from './secrets-import.ts';
import { define as mergeDriver } from './secrets-merge-driver.ts';
import { define as nuke } from './secrets-nuke.ts';
import { define as refresh } from './secrets-refresh.ts';
import { define as rotateKek } from './secrets-rotate-kek.ts';
import { define as save } from './secrets-save.ts';
import { define as set } from './secrets-set.ts';
import { define as sync } from './secrets-sync.ts';

const COMMANDS: Readonly<Record<string, readonly [define: DefineCommand, summary: string]>> = {
  encrypt: [encrypt, 'seal the secrets of a file that are in plain text'],
  decrypt: [decrypt, 'open every secret of a file'],
  refresh: [refresh, 'seal every secret of a file anew, under the current key'],
  save: [save, 'put every parameter of a file into its store'],
  nuke: [nuke, 'delete every parameter of a file from its store'],
  diff: [diff, 'compare a file with its store'],
  sync: [sync, 'make the store as the file says'],
  edit: [edit, 'edit a file in an editor, secrets in plain text'],
  set: [set, 'set one value, from standard input'],
  get: [get, 'print one value'],
  exec: [exec, 'run a command with the values in its environment'],
  'rotate-kek': [rotateKek, 'wrap the data key of a file under another KEK'],
  import: [importValues, 'make a secrets file of a dotenv file or a file of SOPS'],
  check: [check, 'look for what should not be committed'],
  'merge-driver': [mergeDriver, 'merge three versions of a file, as git asks for it'],
  'git-setup': [gitSetup, 'set the merge driver up in this clone'],
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

/** A decision of its own: docs/decisions/0011-exit-status-of-secrets.md. */
function exitStatus(failure: KeysteadError): number {
  if (failure.code === 'canceled') return failure.exitStatus;
  return failure.reason === 'bad-usage' ? 2 : 1;
}
