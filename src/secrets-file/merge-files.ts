import { KeysteadError } from '../core/errors.ts';
import { piecesOf } from './entries.ts';
import { withRoot } from './integrity.ts';
import { type Merged, mergePieces } from './merge.ts';
import { readSecretsFile } from './secrets-file.ts';

/**
 * Merges three versions of a secrets file, and computes the root anew where nothing conflicts. Opens no value.
 * Undefined where one of them is no secrets file in block style: then lines are all that can be merged.
 */
export function mergeFiles(base: string, ours: string, theirs: string): Merged | undefined {
  const pieces = [base, ours, theirs].map((text) => {
    try {
      return text.trim() === '' ? { head: '', entries: [] } : piecesOf(readSecretsFile(text, 'a version'));
    } catch (error) {
      if (error instanceof KeysteadError && error.reason === 'bad-secrets-file') return undefined;
      throw error;
    }
  });
  const [inBase, inOurs, inTheirs] = pieces;
  if (inBase === undefined || inOurs === undefined || inTheirs === undefined) return undefined;
  const merged = mergePieces(inBase, inOurs, inTheirs);
  if (merged.conflicts.length > 0) return merged;
  return { ...merged, text: withRoot(merged.text, 'the merged file') };
}
