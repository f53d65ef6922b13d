/** Where finished lines go. */
export interface LinePlace {
  /** For messages: `stdout`, or the URI without credentials. */
  readonly name: string;
  /** Bytes of lines that may go in one `append`. */
  readonly maxBatch: number;
  /** False where a failure is for ever, as of a stream that is closed. */
  readonly recovers: boolean;
  /** What stands there from an earlier run; undefined where nothing does, or nobody knows. */
  open?(): Promise<Predecessor | undefined>;
  /** Resolves when the lines are as safe as this place makes them; after a failure the same lines are given again. */
  append(lines: string): Promise<void>;
  /** Keeps a checkpoint apart from the lines. */
  keepHead?(checkpoint: string): Promise<void>;
  close(): Promise<void>;
}

/** What was found at the end of an earlier trail. */
export interface Predecessor {
  /** The last whole line that is part of a chain. */
  readonly after?: LineName;
  /** Bytes of a last line that was cut short, by a crash. */
  readonly cut?: number;
  /** A checkpoint that was kept apart and is not among the lines: something was taken away. */
  readonly lost?: LineName;
}

/** A line, by its place in its chain. */
export interface LineName {
  readonly chain: string;
  readonly seq: number;
  readonly hash: string;
}
