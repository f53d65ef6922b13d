import { access, appendFile, chmod, constants, mkdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { KeysteadError } from '../../core/errors.ts';
import { writeNewFile } from '../../files/new-file.ts';
import type { DefineCommand } from '../command.ts';
import type { Io } from '../io.ts';
import { write } from '../output.ts';
import { git } from '../secrets/git.ts';

const hookOf = (program: string) => `#!/bin/sh
# Made by keystead secrets git-setup: no secret in plain text is committed.
exec ${program} secrets check --staged --offline
`;

/** `keystead secrets git-setup [PATTERN…]`: the merge driver in this clone, and the attributes that ask for it. */
export const define: DefineCommand = (command, { io }) => {
  command
    .argument('[pattern...]', 'files that are secrets files, as .gitattributes names them')
    .option('--pre-commit', 'also make a pre-commit hook that refuses secrets in plain text')
    .action(async (patterns: readonly string[], { preCommit }: { preCommit?: true }) => {
      const root = (await git(['rev-parse', '--show-toplevel'])).trim();
      await git(['config', 'merge.keystead-secrets.name', 'secrets files, entry by entry']);
      const program = await programFor(io);
      // Git has names of its own that begin with a percent sign.
      const driver = `${program.replaceAll('%', '%%')} secrets merge-driver %O %A %B -- %P`;
      await git(['config', 'merge.keystead-secrets.driver', driver]);
      const added = await addAttributes(join(root, '.gitattributes'), patterns);
      if (preCommit === true)
        await addHook((await git(['rev-parse', '--git-path', 'hooks/pre-commit'])).trim(), hookOf(program));
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

/** What git calls: by its name where the PATH has it, else as it was called now, for a driver that is missing loses a side of every merge. */
async function programFor({ env, program }: Io): Promise<string> {
  const name = 'keystead';
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const found = await access(join(folder, name), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return name;
  }
  const { shellQuoted } = await import('../../secrets-file/export.ts');
  return program?.map(shellQuoted).join(' ') ?? name;
}

async function addHook(path: string, hook: string): Promise<void> {
  const before = await readFile(path, 'utf8').catch(() => undefined);
  if (before === hook) return;
  // A clone may be made without its folder, by a template that has none.
  await mkdir(dirname(path), { recursive: true });
  await writeNewFile(path, async () => Buffer.from(hook));
  await chmod(path, 0o755);
}
