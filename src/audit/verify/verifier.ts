import type { KeyObject } from 'node:crypto';
import { isSignedBy } from '../checkpoint.ts';
import { ChainRecord } from './chain-record.ts';
import type { KnownLines } from './known-lines.ts';
import type { Problem, TrailReport } from './report.ts';
import { readTrailLine, type TrailLine } from './trail-line.ts';

/** Problems that are told; more are counted. */
const MAX_PROBLEMS = 1000;
/** More are an attack on who verifies. */
const MAX_CHAINS = 100_000;
/** Milliseconds between the time for a checkpoint and its being written. */
const SLACK = 60_000;

export interface VerifierOptions {
  /** Trusted keys by their id; empty: signatures are not checked. */
  readonly keys: ReadonlyMap<string, KeyObject>;
  readonly known: KnownLines;
  /** Milliseconds between checkpoints. */
  readonly checkpoint: number;
}

/** Checks the lines of a trail, file by file, in memory that grows with the number of chains and files alone. */
export class Verifier {
  readonly #options: VerifierOptions;
  readonly #chains = new Map<string, ChainRecord>();
  readonly #problems: Problem[] = [];
  #problemCount = 0;
  #unchained = 0;
  #cutBefore = 0;
  #file = '';
  /** Whether this file has had a line of a chain. */
  #chained = false;
  /** Lines of this file that are none, and may be explained yet. */
  #odd: { readonly line: number; readonly length: number }[] = [];

  constructor(options: VerifierOptions) {
    this.#options = options;
  }

  begin(file: string): void {
    this.#file = file;
    this.#chained = false;
  }

  /** @param ended false for the last line of a file that has no newline. */
  line(bytes: Buffer, number: number, ended: boolean): void {
    const at = { file: this.#file, line: number };
    if (!ended) {
      const message = `the last line has no end (${bytes.length} bytes): writing it was cut short, or its end was cut off`;
      this.#problem({ kind: 'cut', ...at, message });
      return;
    }
    const line = readTrailLine(bytes);
    if (line === 'unreadable') this.#odd.push({ line: number, length: bytes.length });
    else if (line !== 'unchained') this.#chainLine(line, number);
    else if (this.#chained) this.#problem({ kind: 'unreadable', ...at, message: 'a line of version 1 behind a chain' });
    else this.#unchained++;
    // They wait for the line that explains them, which is near.
    if (this.#odd.length > MAX_PROBLEMS) this.#tellOdd();
  }

  end(): void {
    this.#tellOdd();
  }

  finish(): TrailReport {
    const { known, keys, checkpoint } = this.#options;
    const patience = keys.size === 0 ? undefined : checkpoint + SLACK;
    for (const [chain, record] of this.#chains) {
      const begins = (before: { seq: number; hash: string }) => known.vouchedFor({ chain, ...before });
      for (const found of record.finish(begins, patience)) this.#problem({ ...found, chain });
    }
    const ranges = new Map([...this.#chains].map(([chain, record]) => [chain, record.range]));
    for (const problem of known.missing(ranges)) this.#problem(problem);
    // What was emptied is not intact, though it holds nothing wrong.
    if (this.#chains.size + this.#unchained + this.#problemCount === 0) {
      this.#problem({ kind: 'missing', message: 'there is no line at all' });
    }
    return {
      intact: this.#problemCount === 0,
      chains: [...this.#chains.values()].map((record) => record.report()),
      unchained: this.#unchained,
      cutBefore: this.#cutBefore,
      problems: this.#problems,
      problemCount: this.#problemCount,
    };
  }

  #chainLine(line: TrailLine, number: number): void {
    const at = { file: this.#file, line: number, chain: line.chain };
    this.#chained = true;
    let record = this.#chains.get(line.chain);
    if (record === undefined) {
      if (this.#chains.size >= MAX_CHAINS) {
        this.#problem({ kind: 'unreadable', ...at, message: `more than ${MAX_CHAINS} chains` });
        return;
      }
      record = new ChainRecord(line.chain);
      this.#chains.set(line.chain, record);
    }
    if (!line.sound) this.#problem({ kind: 'changed', ...at, message: 'the line is not what was written' });
    for (const found of record.take(line, this.#file, number)) this.#problem({ ...found, chain: line.chain });
    if ((line.seq === 1) !== (line.type === 'open')) {
      this.#problem({ kind: 'out-of-place', ...at, message: 'the first line of a chain, and no other, opens it' });
    }
    const other = this.#options.known.meet(line);
    if (other !== undefined) {
      this.#problem({ kind: 'changed', ...at, message: `${other} names this line with another hash` });
    }
    if (line.type === 'checkpoint' || line.type === 'close') this.#checkpoint(line, record, at);
    if (line.type === 'open' && line.cut !== undefined) this.#explain(line.cut);
  }

  #checkpoint(line: TrailLine, record: ChainRecord, at: Pick<Problem, 'file' | 'line' | 'chain'>): void {
    const why = this.#options.keys.size === 0 ? undefined : notSigned(line, this.#options.keys);
    if (why !== undefined) this.#problem({ kind: 'not-signed', ...at, message: why });
    else record.checkpoint(line.time, line.type === 'close', this.#options.keys.size > 0);
  }

  /** The service has found a line without an end when it was started, and has said so. */
  #explain(bytes: number): void {
    const at = this.#odd.findLastIndex(({ length }) => length === bytes);
    if (at < 0) return;
    this.#odd.splice(at, 1);
    this.#cutBefore++;
  }

  #tellOdd(): void {
    for (const { line } of this.#odd) {
      this.#problem({ kind: 'unreadable', file: this.#file, line, message: 'this is no audit line' });
    }
    this.#odd = [];
  }

  #problem(problem: Problem): void {
    this.#problemCount++;
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
  }
}

/** Undefined: it is signed by a trusted key. */
export function notSigned(line: TrailLine, keys: VerifierOptions['keys']): string | undefined {
  const { chain, seq, prev, key, signature } = line;
  if (key === undefined || signature === undefined) return 'the checkpoint is not signed';
  const publicKey = keys.get(key);
  if (publicKey === undefined) return `the checkpoint is signed by the key ${key}, which is not among those given`;
  const head = { chain, seq: seq - 1, hash: prev };
  return isSignedBy(publicKey, head, signature) ? undefined : 'the signature of the checkpoint is not valid';
}
