import { hash, randomBytes } from 'node:crypto';
import { KeysteadError } from '../../core/errors.ts';
import { writeNewFile } from '../../files/new-file.ts';
import { type DefineCommand, newFileOrFormat, single } from '../command.ts';
import { print, write } from '../output.ts';

/** So that people, and scanners of repositories, see what it is. */
const PREFIX = 'kst_';
/** Of chance: nobody guesses 256 bits. */
const BYTES = 32;

interface Caller {
  readonly name: string;
  readonly groups?: readonly string[];
  readonly notAfter?: string;
}

interface Entry extends Caller {
  readonly sha256: string;
}

/**
 * `keystead token generate`: the token on stdout or in a new file, what the auth file needs to know on stderr; as JSON,
 * both on stdout.
 */
export const define: DefineCommand = (command, { io }) => {
  command
    .addOption(single('--name <name>', 'name of the caller').makeOptionMandatory())
    .addOption(single('--groups <groups>', 'groups of the caller, with commas between', (text) => text.split(',')))
    .addOption(single('--not-after <time>', 'from then on it is refused: a time in UTC, such as 2027-01-01T00:00Z'))
    .addOption(
      single(
        '--output <file>',
        'write the token to a new file that only its owner may read; the words json and plain name a format on stdout',
        newFileOrFormat('no --output'),
      ),
    )
    .action(async ({ output = 'plain', name, ...more }: Caller & { readonly output?: string }) => {
      const token = `${PREFIX}${randomBytes(BYTES).toString('base64url')}`;
      const entry: Entry = { name, sha256: hash('sha256', token), ...more };
      await assertFit(yamlOf(entry));
      const line = `${token}\n`;
      if (output === 'plain' || output === 'json') await print(io, output, { token, entry }, () => line);
      else await writeNewFile(output, async () => Buffer.from(line));
      if (output !== 'json') await write(io.stderr, yamlOf(entry));
    });
};

/** As it stands under `tokens` in an auth file. */
function yamlOf({ name, sha256, groups, notAfter }: Entry): string {
  return [
    `- name: ${JSON.stringify(name)}`,
    `  sha256: ${JSON.stringify(sha256)}`,
    ...(groups === undefined ? [] : [`  groups: ${JSON.stringify(groups)}`]),
    ...(notAfter === undefined ? [] : [`  notAfter: ${JSON.stringify(notAfter)}`]),
    '',
  ].join('\n');
}

/** Throws `bad-usage` for what an auth file would not take. */
async function assertFit(entry: string): Promise<void> {
  const { parseAuth } = await import('../../wiring/auth-file.ts');
  const read = parseAuth(
    Buffer.from(
      `version: 1\nauthenticators:\n- name: tokens\n  kind: token\n  tokens:\n${entry.replace(/^(?=.)/gm, '  ')}`,
    ),
  );
  if (!('problems' in read)) return;
  const [first] = read.problems;
  const field = first?.path
    .split('.')
    .at(-1)
    ?.replace(/\[\d+\]$/, '');
  throw new KeysteadError('bad-usage', `${field} ${first?.text}`);
}
