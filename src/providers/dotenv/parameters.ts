import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import { dotenvQuoted, parseDotenv, variableName } from '../../core/dotenv.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { ParameterStore, StoreChange } from '../../core/parameters.ts';
import { SecretBytes } from '../../core/secret-bytes.ts';
import { unreadable } from '../../core/unreadable.ts';
import type { ParametersUriOf } from '../../core/uri-schemas.ts';
import { replaceFile } from '../../files/replace-file.ts';

const BATCH = 10_000;

/**
 * Opens a `.env` file as a place for parameters: a line `NAME=VALUE` for each, named as `export` names variables. Keeps
 * values alone; other lines stay. The file is made with mode 0600, and replaced by a rename.
 */
export async function openDotenvParameters(uri: ParametersUriOf<'dotenv'>): Promise<ParameterStore> {
  const { file } = uri;
  const read = async (): Promise<string | undefined> => {
    const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw unreadable(file, error);
    });
    return bytes === undefined ? undefined : decoded(bytes, file);
  };
  const parsed = (text = '') => parseDotenv(text, (what, line) => bad(file, what, line));
  const entries = async () => parsed(await read());
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
      await replaceFile(file, text, changed(text ?? '', parsed(text), changes));
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

/** Throws where bytes are not UTF-8: lines that are to stay would not. */
function decoded(bytes: Buffer, file: string): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  throw bad(file, 'it is not UTF-8', undefined);
}

function bad(file: string, what: string, line: number | undefined): KeysteadError {
  return new KeysteadError('bad-request', `${file}: ${line === undefined ? '' : `line ${line}: `}${what}`);
}
