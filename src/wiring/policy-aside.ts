import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { DocumentProblem } from '../config/document.ts';
import { KeysteadError } from '../core/errors.ts';
import { PolicyCompiler } from '../policy/compile.ts';
import type { PolicyDocument, RuleDocument } from '../policy/schema.ts';
import { type ParsedPolicy, parsePolicy, problemsOf } from './policy-file.ts';

/** Bytes; what is smaller is read in some hundredths of a second, which a thread takes to start. */
const SMALL = 32 * 1024;
/** Compiled in about a millisecond. */
export const RULES_AT_A_TIME = 50;

/** What the thread says, in this order; problems alone, or the rest. */
export type FromThread =
  | { readonly problems: readonly DocumentProblem[] }
  | { readonly tenants: NonNullable<PolicyDocument['tenants']> }
  | { readonly rules: readonly RuleDocument[] }
  | { readonly sha256: string };

/**
 * As `parsePolicy`, for a process that answers requests: a large policy is read and checked in a thread of its own, and
 * taken over some rules at a time, with requests answered in between. Throws `unexpected` when the thread fails.
 *
 * @param closing ends the thread; it rejects then.
 */
export async function parsePolicyAside(
  bytes: Uint8Array,
  closing: AbortSignal,
): Promise<ParsedPolicy | { readonly problems: readonly DocumentProblem[] }> {
  if (bytes.length < SMALL) return parsePolicy(bytes);
  const thread = new Worker(join(import.meta.dirname, `policy-thread${extname(import.meta.filename)}`), {
    workerData: bytes,
    execArgv: [],
    env: {},
  });
  const end = () => void thread.terminate();
  closing.addEventListener('abort', end);
  try {
    return await taken(thread, bytes);
  } finally {
    closing.removeEventListener('abort', end);
    end();
  }
}

function taken(thread: Worker, bytes: Uint8Array): ReturnType<typeof parsePolicyAside> {
  const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<typeof parsePolicyAside>>>();
  const compiler = new PolicyCompiler();
  const take = (said: FromThread) => {
    if ('problems' in said) return resolve(said);
    if ('tenants' in said) compiler.tenants(said.tenants);
    else if ('rules' in said) compiler.rules(said.rules);
    else {
      const compiled = compiler.finish();
      return resolve('problems' in compiled ? problemsOf(compiled) : { ...compiled, bytes, sha256: said.sha256 });
    }
    // Behind whatever else waits for its turn.
    setImmediate(() => thread.postMessage('more'));
  };
  thread.on('message', (said: FromThread) => {
    try {
      take(said);
    } catch (error) {
      reject(error);
    }
  });
  thread.on('error', reject);
  thread.on('exit', () => reject(new KeysteadError('unexpected', 'the thread that reads the policy has ended')));
  return promise;
}
