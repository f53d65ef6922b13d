import { appendFile, chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { KeysteadError } from '../../core/errors.ts';
import { writeNewFile } from '../../files/new-file.ts';
import type { DefineCommand } from '../command.ts';
import { write } from '../output.ts';
import { git } from '../secrets/git.ts';

const HOOK = `#!/bin/sh
# Made by keystead secrets git-setup: no secret in plain text is committed.
exec keystead secrets check --staged --offline
`;

/** `keystead secrets git-setup [PATTERN…]`: the merge driver in this clone, and the attributes that ask for it. */
export const define: DefineCommand = (command, { io }) => {
  command
    .argument('[pattern...]', 'files that are secrets files, as .gitattributes names them')
    .option('--pre-commit', 'also make a pre-commit hook that refuses secrets in plain text')
    .action(async (patterns: readonly string[], { preCommit }: { preCommit?: true }) => {
      const root = (await git(['rev-parse', '--show-toplevel'])).trim();
      await git(['config', 'merge.keystead-secrets.name', 'secrets files, entry by entry']);
      await git(['config', 'merge.keystead-secrets.driver', 'keystead secrets merge-driver %O %A %B -- %P']);
      const added = await addAttributes(join(root, '.gitattributes'), patterns);
      if (preCommit === true) await addHook((await git(['rev-parse', '--git-path', 'hooks/pre-commit'])).trim());
      const what = added.length === 0 ? '' : `; .gitattributes: ${added.join(', ')}`;
      await write(io.stderr, `the merge driver is set up in this clone${what}\n`);
    });
};

async function addAttributes(file: string, patterns: readonly string[]): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const lines = patterns.map((pattern) => {
    if (/\s/.test(pattern)) throw new KeysteadError('bad-usage', 'a pattern of .gitattributes has no blanks');
    return `${pattern} merge=keystead-secrets`;
  });
  const added = lines.filter((line) => !text.split('\n').includes(line));
  if (added.length === 0) return [];
  const gap = text === '' || text.endsWith('\n') ? '' : '\n';
  await (text === '' ? writeFile : appendFile)(file, `${gap}${added.join('\n')}\n`);
  return added;
}

async function addHook(path: string): Promise<void> {
  const before = await readFile(path, 'utf8').catch(() => undefined);
  if (before === HOOK) return;
  // A clone may be made without its folder, by a template that has none.
  await mkdir(dirname(path), { recursive: true });
  await writeNewFile(path, async () => Buffer.from(HOOK));
  await chmod(path, 0o755);
}
