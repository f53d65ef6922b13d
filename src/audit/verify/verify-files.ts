import { createPublicKey, type KeyObject } from 'node:crypto';
import { access, readFile, stat } from 'node:fs/promises';
import { KeysteadError } from '../../core/errors.ts';
import { keyIdOf } from '../checkpoint.ts';
import { fileLines } from './file-lines.ts';
import { KnownLines } from './known-lines.ts';
import type { Problem, TrailReport } from './report.ts';
import { type LineName, readTrailLine, type TrailLine } from './trail-line.ts';
import { notSigned, Verifier } from './verifier.ts';

export interface VerifyOptions {
  /** Files of the trail, in any order. */
  readonly files: readonly string[];
  /** Files with the last checkpoints, beside those that stand beside the files. */
  readonly heads: readonly string[];
  /** Lines that were noted down elsewhere. */
  readonly expected: readonly LineName[];
  /** Public keys in PEM, one after the other. */
  readonly publicKeys?: string | undefined;
  /** Milliseconds between checkpoints at most. */
  readonly checkpoint: number;
}

/** Checks a trail offline. Throws as `node:fs` does, and `bad-usage` for public keys that are none and for pipes. */
export async function verifyFiles(options: VerifyOptions): Promise<TrailReport> {
  const keys = keysOf(options.publicKeys);
  await refusePipes(options.files);
  const known = new KnownLines();
  for (const line of options.expected) known.add({ ...line, from: '--expect', strict: true, trusted: true });
  const headProblems = await readHeads(options, keys, known);
  for (const file of options.files) await readReferences(file, known);
  const verifier = new Verifier({ keys, known, checkpoint: options.checkpoint });
  for (const file of options.files) {
    verifier.begin(file);
    for await (const lines of fileLines(file)) {
      for (const { bytes, number, ended } of lines) verifier.line(bytes, number, ended);
    }
    verifier.end();
  }
  const report = verifier.finish();
  if (headProblems.length === 0) return report;
  const problems = [...headProblems, ...report.problems];
  return { ...report, intact: false, problems, problemCount: report.problemCount + headProblems.length };
}

/** Each file is read twice, and the second time nothing comes out of a pipe: nothing would be wrong with that. */
async function refusePipes(files: readonly string[]): Promise<void> {
  for (const file of files) {
    const found = await stat(file);
    if (found.isFile() || found.isDirectory()) continue;
    throw new KeysteadError('bad-usage', `${file} can be read only once; write the trail to a file first`);
  }
}

/** By key id. Throws `bad-usage`. */
function keysOf(pem: string | undefined): ReadonlyMap<string, KeyObject> {
  if (pem === undefined) return new Map();
  const blocks = pem.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [];
  try {
    const keys = blocks.map((block) => createPublicKey(block));
    if (keys.length > 0) return new Map(keys.map((key) => [keyIdOf(key), key]));
  } catch {
    // Told below, in plainer words.
  }
  throw new KeysteadError('bad-usage', 'the public keys are not PEM; "openssl pkey -in KEY -pubout" gives one that is');
}

/** `FILE.head` beside each file, and those that are named. A wrong line in one is a problem of its own. */
async function readHeads(
  { files, heads }: VerifyOptions,
  keys: ReadonlyMap<string, KeyObject>,
  known: KnownLines,
): Promise<Problem[]> {
  const beside = await Promise.all(files.map(async (file) => ((await exists(`${file}.head`)) ? [`${file}.head`] : [])));
  const problems: Problem[] = [];
  for (const file of new Set([...heads, ...beside.flat()])) {
    const lines = (await readFile(file)).toString('latin1').split('\n');
    if (lines.pop() !== '') problems.push({ kind: 'cut', file, message: 'the last line has no end' });
    for (const [at, text] of lines.entries()) {
      const line = readTrailLine(Buffer.from(text, 'latin1'));
      const problem = headProblem(line, keys);
      if (problem !== undefined) problems.push({ ...problem, file, line: at + 1 });
      // Chains that have ended may have been put away with their files; the last one is there.
      const strict = at === lines.length - 1;
      if (typeof line === 'object') known.add({ ...nameOf(line), from: file, strict, trusted: false });
    }
  }
  return problems;
}

function headProblem(
  line: ReturnType<typeof readTrailLine>,
  keys: ReadonlyMap<string, KeyObject>,
): Omit<Problem, 'file'> | undefined {
  if (typeof line === 'string') return { kind: 'unreadable', message: 'this is no checkpoint' };
  if (!line.sound) return { kind: 'changed', chain: line.chain, message: 'the checkpoint is not what was written' };
  const why = keys.size === 0 ? undefined : notSigned(line, keys);
  return why === undefined ? undefined : { kind: 'not-signed', chain: line.chain, message: why };
}

const OPENING = Buffer.from('"type":"open"');

/** What the opening lines of a file say of the chains before them, so that it is known before those are read. */
async function readReferences(file: string, known: KnownLines): Promise<void> {
  for await (const lines of fileLines(file)) {
    for (const { bytes, number } of lines) {
      if (!bytes.includes(OPENING)) continue;
      const line = readTrailLine(bytes);
      if (typeof line === 'object' && line.type === 'open') addReferences(line, `${file}:${number}`, known);
    }
  }
}

function addReferences({ after, lost }: TrailLine, from: string, known: KnownLines): void {
  if (after !== undefined) known.add({ ...after, from, strict: true, trusted: false });
  if (lost !== undefined) known.add({ ...lost, from: `${from} (as lost)`, strict: true, trusted: false });
}

function nameOf({ chain, seq, hash }: LineName): LineName {
  return { chain, seq, hash };
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
