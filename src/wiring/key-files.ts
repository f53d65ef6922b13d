import { extname } from 'node:path';
import { type DocumentProblem, problemLines, readDocument } from '../config/document.ts';
import { readSmallFile } from '../config/read-small-file.ts';
import { KeysteadError } from '../core/errors.ts';
import { unreadable } from '../core/unreadable.ts';
import type { Declaration } from '../lifecycle/declaration.ts';
import { linked, type ReadDeclaration, readKey, readParticle } from '../lifecycle/manifest.ts';
import { type KeyDocument, KeysSchema, type ParticleDocument, ParticlesSchema } from '../lifecycle/schema.ts';
import { toldApart } from '../lifecycle/told-apart.ts';
import { withoutComments } from './json-comments.ts';

/** Bytes; a thousand keys with their policies. */
const MAX_FILE = 4_194_304;
const ENDINGS = ['.json', '.yml', '.yaml'];

/**
 * Reads files of declared keys: YAML, or JSON with comments. Throws `bad-declaration` with all that is wrong with a file,
 * `no-file`, `cannot-read`.
 */
export async function readKeyFiles(files: readonly string[]): Promise<Declaration[]> {
  const all: Declaration[] = [];
  for (const file of files) {
    if (!ENDINGS.includes(extname(file).toLowerCase())) {
      throw new KeysteadError('bad-declaration', `${file}: give a file that ends with ${ENDINGS.join(', ')}`);
    }
    let bytes: Uint8Array;
    try {
      bytes = await readSmallFile(file, MAX_FILE);
    } catch (error) {
      throw unreadable(`the file of declared keys ${file}`, error);
    }
    all.push(...parseKeys(bytes, file));
  }
  return toldApart(all);
}

/** Reads the text of such a file. @param file how it is called in errors. */
export function parseKeys(bytes: Uint8Array, file: string): Declaration[] {
  const text = file.toLowerCase().endsWith('.json') ? withoutComments(bytes) : bytes;
  const ours = readDocument(text, KeysSchema, MAX_FILE);
  if ('value' in ours) return declarations(listOf(ours.value as KeyDocument | KeyDocument[]).map(readKey), file, ours);
  const theirs = readDocument(text, ParticlesSchema, MAX_FILE);
  if ('problems' in theirs) throw bad(file, looksLikeParticles(text) ? theirs.problems : ours.problems);
  const documents = listOf(theirs.value as ParticleDocument | ParticleDocument[]);
  return linked(declarations(documents.map(readParticle), file, theirs), documents);
}

function declarations(
  all: readonly ReadDeclaration[],
  file: string,
  { value, lineOf }: { readonly value: unknown; lineOf(path: string): number | undefined },
): Declaration[] {
  const problems = all.flatMap((each, index) => {
    if ('declaration' in each) return [];
    const head = Array.isArray(value) ? `[${index}]` : '';
    return each.flaws.map(({ path, text }) => {
      const at = head === '' ? path : `${head}.${path}`;
      const line = lineOf(at);
      return { path: at, text, ...(line === undefined ? {} : { line }) };
    });
  });
  if (problems.length > 0) throw bad(file, problems);
  return all.flatMap((each) => ('declaration' in each ? [each.declaration] : []));
}

/** Of a file that is neither: which of the two its writer had in mind. */
function looksLikeParticles(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return /\b(pcf_name|flavor|aws_resource)\b/.test(text);
}

function listOf<T>(value: T | T[]): T[] {
  return Array.isArray(value) ? value : [value];
}

function bad(file: string, problems: readonly DocumentProblem[]): KeysteadError {
  const lines = problemLines(problems);
  const count = lines.length === 1 ? '' : `${lines.length} problems: `;
  return new KeysteadError('bad-declaration', `${file}: ${count}${lines.join('; ')}`);
}
