import type { KeysteadError } from '../../core/errors.ts';
import { replaceFile } from '../../files/replace-file.ts';
import type { DefineCommand } from '../command.ts';
import { write } from '../output.ts';
import { readInput } from '../secrets/files.ts';
import { gitMergeFile } from '../secrets/git.ts';

/** `keystead secrets merge-driver BASE OURS THEIRS [PATH]`, as git calls it: the result goes into OURS. */
export const define: DefineCommand = (command, { io, result }) => {
  command
    .argument('<base>', '%O: what both sides come from')
    .argument('<ours>', '%A: our version, which takes the result')
    .argument('<theirs>', '%B: their version')
    .argument('[path]', "%P: the file's name in the repository")
    .action(async (base: string, ours: string, theirs: string, path = 'the file') => {
      const { mergeFiles, settled } = await import('../../secrets-file/merge-files.ts');
      const versions = [base, ours, theirs].map((file) => readInput(file, io));
      const texts = (await Promise.all(versions)).map(({ text }) => text) as [string, string, string];
      const merged = mergeFiles(...texts) ?? settled(await gitMergeFile(base, ours, theirs), ...texts);
      await replaceFile(ours, texts[1], merged.text);
      if (merged.conflicts.length === 0) return;
      await write(io.stderr, merged.conflicts.map((what) => `${path}: ${what}\n`).join(''));
      result.exitStatus = 1;
      result.statusOf = (failure: KeysteadError) => (failure.code === 'canceled' ? failure.exitStatus : 1);
    });
};
