import { randomBytes } from 'node:crypto';
import { chmod, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { dotenvQuoted, parseDotenv, variableName } from '../../core/dotenv.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { ParameterStore, StoreChange } from '../../core/parameters.ts';
import { SecretBytes } from '../../core/secret-bytes.ts';
import { unreadable } from '../../core/unreadable.ts';
import type { ParametersUriOf } from '../../core/uri-schemas.ts';

const BATCH = 10_000;

/**
 * Opens a `.env` file as a place for parameters: a line `NAME=VALUE` for each, named as `export` names variables. Keeps
 * values alone; other lines stay. The file is made with mode 0600, and replaced by a rename.
 */
export async function openDotenvParameters(uri: ParametersUriOf<'dotenv'>): Promise<ParameterStore> {
  const { file } = uri;
  const read = async (): Promise<string> => {
    try {
      return await readFile(file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
      throw unreadable(file, error);
    }
  };
  const entries = async () => parseDotenv(await read(), (what, line) => bad(file, what, line));
  return {
    uri: `parameters://dotenv?file=${encodeURIComponent(file)}`,
    keeps: new Set(),
    width: 1,
    batch: BATCH,
    changes: BATCH,
    place: (_path, name) => variableName(name),
    list: async () => (await entries()).map(({ name }) => name).sort(),
    async read(places) {
      const there = (await entries()).filter(({ name }) => places.includes(name));
      return new Map(there.map(({ name, value }) => [name, { value: SecretBytes.own(Buffer.from(value)) }]));
    },
    async apply(changes) {
      const text = await read();
      const found = parseDotenv(text, (what, line) => bad(file, what, line));
      await replace(file, changed(text, found, changes));
      return changes.map(() => undefined);
    },
    async close() {},
  };
}

interface Found {
  readonly name: string;
  readonly firstLine: number;
  readonly lastLine: number;
}

/** Lines that say nothing of what changes stay as they are. */
function changed(text: string, found: readonly Found[], changes: readonly StoreChange[]): string {
  const lines = text.replace(/\n$/, '').split('\n');
  const dropped = new Set<number>();
  const added: string[] = [];
  for (const change of changes) {
    const before = found.find(({ name }) => name === change.place);
    if (change.kind === 'tag') continue;
    for (let line = before?.firstLine ?? 1; line <= (before?.lastLine ?? 0); line++) dropped.add(line);
    if (change.kind === 'delete') continue;
    const value = Buffer.from(change.parameter.value.expose()).toString('utf8');
    const written = `${change.place}=${dotenvQuoted(value)}`;
    if (before === undefined) added.push(written);
    else {
      dropped.delete(before.firstLine);
      lines[before.firstLine - 1] = written;
    }
  }
  const kept = lines.filter((line, at) => !dropped.has(at + 1) && (text !== '' || line !== ''));
  return [...kept, ...added].map((line) => `${line}\n`).join('');
}

async function replace(file: string, text: string): Promise<void> {
  const temporary = join(dirname(file), `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`);
  const mode = await stat(file).then(
    (found) => found.mode & 0o7777,
    () => 0o600,
  );
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await chmod(temporary, mode);
    await rename(temporary, file);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    throw new KeysteadError('cannot-write', `${file} cannot be written (${code})`, { cause: error });
  }
}

function bad(file: string, what: string, line: number | undefined): KeysteadError {
  return new KeysteadError('bad-request', `${file}: ${line === undefined ? '' : `line ${line}: `}${what}`);
}
