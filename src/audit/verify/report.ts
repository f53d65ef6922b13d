/** What is wrong with a trail. */
export type ProblemKind =
  /** A line is not what was written. */
  | 'changed'
  /** A line does not follow the one before it: one of the two was replaced, or lines between were taken out. */
  | 'broken-link'
  /** Lines of a chain are not there, before others that are. */
  | 'missing'
  /** A line stands where its number does not belong: moved, or there twice. */
  | 'out-of-place'
  /** What stands there is no audit line. */
  | 'unreadable'
  /** The last line has no end. */
  | 'cut'
  /** A chain ends before a line that is known from elsewhere. */
  | 'truncated'
  /** A checkpoint is not signed, or not by a key that is trusted. */
  | 'not-signed'
  /** The lines at the end of a chain have no checkpoint for longer than they should. */
  | 'not-vouched';

export interface Problem {
  readonly kind: ProblemKind;
  /** Where it shows; absent: nowhere in particular. */
  readonly file?: string;
  readonly line?: number;
  readonly chain?: string;
  readonly message: string;
}

export interface ChainReport {
  readonly chain: string;
  readonly lines: number;
  readonly firstTime: string;
  readonly lastTime: string;
  readonly firstSeq: number;
  /** `CHAIN:SEQ:HASH` of the last line: kept elsewhere, it tells later whether lines were cut off. */
  readonly head: string;
  readonly checkpoints: number;
  /** Checkpoints whose signature was checked and is good. */
  readonly verified: number;
  /** Lines at the end that no checkpoint vouches for. */
  readonly unvouched: number;
  /** Whether it has the line that an orderly end writes; a running service, and one that crashed, has none. */
  readonly closed: boolean;
  /** How often a line is older than the one before it: the clock was put back. */
  readonly clockBack: number;
  readonly files: readonly string[];
}

export interface TrailReport {
  readonly intact: boolean;
  readonly chains: readonly ChainReport[];
  /** Lines of version 1, which nothing protects. */
  readonly unchained: number;
  /** Unfinished lines that the service has found, and named, when it was started again. */
  readonly cutBefore: number;
  readonly problems: readonly Problem[];
  /** With those that are not in `problems`, of which there are a thousand at most. */
  readonly problemCount: number;
}
