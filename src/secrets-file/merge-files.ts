import { KeysteadError } from '../core/errors.ts';
import { piecesOf } from './entries.ts';
import { integrityProblem, withRoot } from './integrity.ts';
import { type Merged, mergePieces } from './merge.ts';
import { strangersOf } from './merge-keys.ts';
import { readSecretsFile, type SecretsFile } from './secrets-file.ts';

/**
 * Merges three versions of a secrets file, and computes the root anew where nothing conflicts. Opens no value.
 * Undefined where one of them is no secrets file in block style: then lines are all that can be merged.
 *
 * Promises: a value that the merged file's data key does not open is a conflict, and so is a side whose root does not hold.
 */
export function mergeFiles(base: string, ours: string, theirs: string): Merged | undefined {
  const pieces = [base, ours, theirs].map((text) => {
    if (text.trim() === '') return { head: '', entries: [] };
    const file = read(text);
    return file === undefined ? undefined : piecesOf(file);
  });
  const [inBase, inOurs, inTheirs] = pieces;
  if (inBase === undefined || inOurs === undefined || inTheirs === undefined) return undefined;
  const bare = mergePieces(inBase, inOurs, inTheirs);
  const joined = mergePieces(inBase, inOurs, inTheirs, { lines: true });
  const merged = saysTheSame(joined, bare) ? joined : bare;
  if (merged.conflicts.length > 0) return merged;
  const strangers = strangersIn(merged.text, base, ours, theirs);
  if (strangers !== undefined && strangers.length > 0) {
    return mergePieces(inBase, inOurs, inTheirs, {
      strangers: new Set(strangers.map((name) => `/parameters/${name}`)),
    });
  }
  return settled(merged, base, ours, theirs);
}

/** What is to be said of a merge that found no conflict: the root anew, or that the merged text is no file that opens. */
export function settled(merged: Merged, base: string, ours: string, theirs: string): Merged {
  if (merged.conflicts.length > 0) return merged;
  const strangers = strangersIn(merged.text, base, ours, theirs);
  if (strangers === undefined) {
    // Other files may be named as secrets files are: git merges their lines.
    if (read(ours) === undefined || read(theirs) === undefined) return merged;
    return whole(ours, theirs, 'what the two sides make together is no secrets file');
  }
  if (strangers.length > 0) return whole(ours, theirs, `values under another data key: ${strangers.join(', ')}`);
  const distrusted = Object.entries({ ours, theirs }).filter(([, text]) => !rootHolds(text));
  // A new root would hide what was done to a side.
  if (distrusted.length > 0)
    return { ...merged, conflicts: distrusted.map(([side]) => `the root of ${side} does not hold`) };
  return { ...merged, text: withRoot(merged.text, 'the merged file') };
}

/** Whether two merges differ in comments and manner of writing at most. */
function saysTheSame(one: Merged, other: Merged): boolean {
  if (one.conflicts.length > 0 || one.text === other.text) return false;
  const [said, meant] = [one, other].map(({ text }) => {
    const file = read(text);
    return file === undefined ? undefined : piecesOf(file)?.entries.map(({ key, meaning }) => [key, meaning]);
  });
  return said !== undefined && JSON.stringify(said) === JSON.stringify(meant);
}

function rootHolds(text: string): boolean {
  const file = read(text);
  return file === undefined || integrityProblem(file) === undefined;
}

function whole(ours: string, theirs: string, why: string): Merged {
  const ended = (text: string) => (text === '' || text.endsWith('\n') ? text : `${text}\n`);
  const text = `<<<<<<< ours\n${ended(ours)}=======\n${ended(theirs)}>>>>>>> theirs\n`;
  return { text, conflicts: [why] };
}

/** Undefined where the merged text, or a side, is no secrets file. */
function strangersIn(merged: string, base: string, ours: string, theirs: string): string[] | undefined {
  const [file, inOurs, inTheirs] = [merged, ours, theirs].map(read);
  if (file === undefined) return undefined;
  if (inOurs === undefined || inTheirs === undefined) return [];
  return strangersOf(file, { base: read(base), ours: inOurs, theirs: inTheirs });
}

function read(text: string): SecretsFile | undefined {
  try {
    return readSecretsFile(text, 'a version');
  } catch (error) {
    if (error instanceof KeysteadError && error.reason === 'bad-secrets-file') return undefined;
    throw error;
  }
}
