import { createHash } from 'node:crypto';
import { type DocumentProblem, MAX_DOCUMENT, problemLines, readDocument } from '../config/document.ts';
import { readSmallFile } from '../config/read-small-file.ts';
import { KeysteadError } from '../core/errors.ts';
import { unreadable } from '../core/unreadable.ts';
import { type CompiledPolicy, compilePolicy, type PolicyProblem } from '../policy/compile.ts';
import { type PolicyDocument, PolicySchema } from '../policy/schema.ts';

/** A policy and the bytes that it was read from. */
export interface ParsedPolicy {
  readonly policy: CompiledPolicy;
  readonly bytes: Uint8Array;
  /** Of the bytes, 64 lower-case hex digits. */
  readonly sha256: string;
}

/** And what it says. */
export interface PolicyFile extends ParsedPolicy {
  readonly document: PolicyDocument;
  lineOf(path: string): number | undefined;
}

/** Reads a policy file. Throws `bad-policy` with all problems, `no-file` or `cannot-read`. */
export async function readPolicyFile(file: string, readFile = readSmallFile): Promise<PolicyFile> {
  return parsedOf(file, parsePolicy(await readPolicyBytes(file, readFile)));
}

/** Throws `no-file` or `cannot-read`. */
export async function readPolicyBytes(file: string, readFile = readSmallFile): Promise<Uint8Array> {
  try {
    return await readFile(file, MAX_DOCUMENT);
  } catch (error) {
    throw unreadable(`the policy ${file}`, error);
  }
}

/** Throws `bad-policy` with all problems. */
export function parsedOf<T extends ParsedPolicy>(
  file: string,
  read: T | { readonly problems: readonly DocumentProblem[] },
): T {
  if ('problems' in read) throw badPolicy(file, read.problems);
  return read;
}

/** The policy that bytes hold, or all that is wrong with them. */
export function parsePolicy(bytes: Uint8Array): PolicyFile | { readonly problems: readonly DocumentProblem[] } {
  const read = readDocument(bytes, PolicySchema);
  if ('problems' in read) return read;
  const { value, lineOf } = read;
  const compiled = compilePolicy(value);
  if ('problems' in compiled) return problemsOf(compiled, lineOf);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  return { policy: compiled.policy, document: value, bytes, sha256, lineOf };
}

/** What the compiler found, with the lines where they are known. */
export function problemsOf(
  { problems }: { readonly problems: readonly PolicyProblem[] },
  lineOf: (path: string) => number | undefined = () => undefined,
): { readonly problems: readonly DocumentProblem[] } {
  return { problems: problems.map(({ path, text }) => ({ path, text, ...lineAt(lineOf, path) })) };
}

function badPolicy(file: string, problems: readonly DocumentProblem[]): KeysteadError {
  const lines = problemLines(problems);
  const count = lines.length === 1 ? '' : `${lines.length} problems: `;
  return new KeysteadError('bad-policy', `the policy ${file} is not valid: ${count}${lines.join('; ')}`);
}

/** A path that is nowhere in the document, such as a default, is told by what it stands in. */
function lineAt(lineOf: (path: string) => number | undefined, path: string): { line?: number } {
  for (let at = path; at !== ''; at = at.replace(/[.[][^.[]*$/, '')) {
    const line = lineOf(at);
    if (line !== undefined) return { line };
    if (!/[.[]/.test(at)) break;
  }
  return {};
}
