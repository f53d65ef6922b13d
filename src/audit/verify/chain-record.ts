import type { ChainReport, Problem } from './report.ts';
import type { TrailLine } from './trail-line.ts';

/** The lines of one chain in one file. */
interface Segment {
  readonly file: string;
  readonly line: number;
  readonly firstSeq: number;
  readonly firstPrev: string;
  readonly firstTime: number;
  lastSeq: number;
  lastHash: string;
  lastTime: number;
  /** Lines behind the last checkpoint. */
  unvouched: number;
  /** Of the last checkpoint. */
  vouchedAt: number | undefined;
  closed: boolean;
}

type Found = Omit<Problem, 'chain'>;

/** What is known of one chain: as much as two lines, however long it is. */
export class ChainRecord {
  readonly #chain: string;
  readonly #segments: Segment[] = [];
  #lines = 0;
  #checkpoints = 0;
  #verified = 0;
  #clockBack = 0;

  constructor(chain: string) {
    this.#chain = chain;
  }

  /** Takes the next line of the chain in that file. @returns what is wrong with its place. */
  take(line: TrailLine, file: string, number: number): Found[] {
    this.#lines++;
    const at = { file, line: number };
    const open = this.#segments.at(-1);
    if (open?.file !== file) {
      this.#begin(line, file, number);
      return [];
    }
    if (line.seq <= open.lastSeq) {
      return [{ kind: 'out-of-place', ...at, message: `line ${line.seq} comes behind line ${open.lastSeq}` }];
    }
    const found: Found[] = [];
    if (line.seq > open.lastSeq + 1) found.push({ ...at, ...gap(open.lastSeq, line.seq) });
    else if (line.prev !== open.lastHash) found.push({ ...at, ...BROKEN });
    else if (open.closed) found.push({ kind: 'out-of-place', ...at, message: 'it comes behind the closing line' });
    if (line.time < open.lastTime) this.#clockBack++;
    this.#advance(open, line);
    return found;
  }

  /** @param verified whether its signature was checked. */
  checkpoint(time: number, closing: boolean, verified: boolean): void {
    const open = this.#segments.at(-1) as Segment;
    this.#checkpoints++;
    if (verified) this.#verified++;
    open.unvouched = 0;
    open.vouchedAt = time;
    open.closed = closing;
  }

  /**
   * Puts the files in order.
   *
   * @param begins asked whether the chain may begin behind that line. @param patience milliseconds that lines may be
   *   without a checkpoint; undefined: for ever.
   */
  finish(begins: (before: { seq: number; hash: string }) => boolean, patience: number | undefined): Found[] {
    const found: Found[] = [];
    this.#segments.sort((a, b) => a.firstSeq - b.firstSeq);
    let before: Segment | undefined;
    for (const one of this.#segments) {
      const at = { file: one.file, line: one.line };
      if (before === undefined) {
        const first = { seq: one.firstSeq - 1, hash: one.firstPrev };
        if (one.firstSeq > 1 && !begins(first)) found.push({ ...at, ...beginsLate(this.#chain, first) });
        if (one.firstSeq === 1 && !/^0*$/.test(one.firstPrev)) found.push({ ...at, ...BROKEN });
      } else if (one.firstSeq <= before.lastSeq) {
        found.push({ kind: 'out-of-place', ...at, message: `line ${one.firstSeq} stands in ${before.file} already` });
      } else if (one.firstSeq > before.lastSeq + 1) found.push({ ...at, ...gap(before.lastSeq, one.firstSeq) });
      else if (one.firstPrev !== before.lastHash) found.push({ ...at, ...BROKEN });
      if (before === undefined || one.lastSeq > before.lastSeq) before = one;
    }
    const { lastTime, lines, since } = this.#unvouched();
    if (patience !== undefined && lines > 0 && lastTime - since > patience) {
      const message = `the last ${lines} lines go on for ${Math.round((lastTime - since) / 1000)} s without a checkpoint`;
      found.push({ kind: 'not-vouched', file: this.#last.file, message });
    }
    return found;
  }

  /** From where to where it goes. */
  get range(): { first: number; last: number } {
    return { first: this.#first.firstSeq, last: this.#last.lastSeq };
  }

  report(): ChainReport {
    return {
      chain: this.#chain,
      lines: this.#lines,
      firstTime: new Date(this.#first.firstTime).toISOString(),
      lastTime: new Date(this.#last.lastTime).toISOString(),
      firstSeq: this.#first.firstSeq,
      head: `${this.#chain}:${this.#last.lastSeq}:${this.#last.lastHash}`,
      checkpoints: this.#checkpoints,
      verified: this.#verified,
      unvouched: this.#unvouched().lines,
      closed: this.#last.closed,
      clockBack: this.#clockBack,
      files: [...new Set(this.#segments.map(({ file }) => file))],
    };
  }

  get #first(): Segment {
    return this.#segments[0] as Segment;
  }

  get #last(): Segment {
    return this.#segments.at(-1) as Segment;
  }

  #begin(line: TrailLine, file: string, number: number): void {
    this.#segments.push({
      file,
      line: number,
      firstSeq: line.seq,
      firstPrev: line.prev,
      firstTime: line.time,
      lastSeq: line.seq,
      lastHash: line.hash,
      lastTime: line.time,
      unvouched: 1,
      vouchedAt: undefined,
      closed: false,
    });
  }

  #advance(open: Segment, { seq, hash, time }: TrailLine): void {
    open.lastSeq = seq;
    open.lastHash = hash;
    open.lastTime = time;
    open.unvouched++;
  }

  /** Lines at the end that no checkpoint vouches for, and since when. */
  #unvouched(): { lines: number; since: number; lastTime: number } {
    let lines = 0;
    for (const one of this.#segments.toReversed()) {
      lines += one.unvouched;
      if (one.vouchedAt !== undefined) return { lines, since: one.vouchedAt, lastTime: this.#last.lastTime };
    }
    return { lines, since: this.#first.firstTime, lastTime: this.#last.lastTime };
  }
}

const BROKEN = {
  kind: 'broken-link',
  message: 'it does not follow the line before it: that one, or this one, was replaced',
} as const;

function gap(last: number, next: number) {
  const which = next === last + 2 ? `line ${last + 1} is` : `lines ${last + 1} to ${next - 1} are`;
  return { kind: 'missing', message: `${which} not there` } as const;
}

function beginsLate(chain: string, { seq, hash }: { seq: number; hash: string }) {
  const message = `the chain begins with line ${seq + 1}; give the files before, or --expect ${chain}:${seq}:${hash} if they were put away`;
  return { kind: 'missing', message } as const;
}
