import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { KeysteadError } from '../../core/errors.ts';
import type { Merged } from '../../secrets-file/merge.ts';

const run = promisify(execFile);
const MAX_OUTPUT = 64 * 1024 * 1024;

/** Asks git; gives what it prints. Throws `tool-failed` where there is no git, or it refuses. */
export async function git(args: readonly string[], cwd?: string): Promise<string> {
  try {
    const { stdout } = await run('git', [...args], { maxBuffer: MAX_OUTPUT, ...(cwd === undefined ? {} : { cwd }) });
    return stdout;
  } catch (error) {
    const { code, stderr = '' } = error as { code?: number | string; stderr?: string };
    const why = code === 'ENOENT' ? 'git is not installed' : `git ${args[0]}: ${stderr.trim().split('\n')[0]}`;
    throw new KeysteadError('tool-failed', why, { cause: error });
  }
}

/** Line by line, as git merges what has no driver. */
export async function gitMergeFile(base: string, ours: string, theirs: string): Promise<Merged> {
  try {
    const { stdout } = await run('git', ['merge-file', '-p', ours, base, theirs], { maxBuffer: MAX_OUTPUT });
    return { text: stdout, conflicts: [] };
  } catch (error) {
    const { code, stdout } = error as { code?: number | string; stdout?: string };
    if (typeof code !== 'number' || code > 127 || stdout === undefined) {
      throw new KeysteadError('tool-failed', 'git cannot merge the lines of the file', { cause: error });
    }
    return { text: stdout, conflicts: ['both sides changed some of its lines'] };
  }
}
