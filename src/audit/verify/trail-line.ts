import { hash } from 'node:crypto';

/** A line by its place in its chain, with its hash: whoever knows one knows all lines before it. */
export interface LineName {
  readonly chain: string;
  readonly seq: number;
  readonly hash: string;
}

/** A line of a chain, as a verifier needs it. */
export interface TrailLine extends LineName {
  /** Whether the hash in the line is that of its text. */
  readonly sound: boolean;
  readonly prev: string;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Absent: the line is about an operation. */
  readonly type?: 'open' | 'checkpoint' | 'close';
  readonly key?: string;
  readonly signature?: string;
  readonly after?: LineName;
  readonly lost?: LineName;
  /** Bytes of an unfinished line that the service has found before this one. */
  readonly cut?: number;
}

/** `unchained`: a line of version 1, which nothing protects. */
export type ReadLine = TrailLine | 'unchained' | 'unreadable';

/** `,"hash":"` and what follows it to the end of a line. */
const HASH_FIELD = ',"hash":"'.length + 64 + '"}'.length;
const HASH_END = /^,"hash":"[0-9a-f]{64}"\}$/;
const BRACE = 0x7b;
const HASH = /^[0-9a-f]{64}$/;
const CHAIN = /^[0-9a-f]{32}$/;

/** Reads one line, without its newline (docs/formats/audit.md). Never throws. */
export function readTrailLine(bytes: Buffer): ReadLine {
  const value = parsed(bytes);
  if (value === undefined) return 'unreadable';
  // A line of a chain that says it is of version 1 has been changed.
  if (value['audit'] === 1) return 'chain' in value ? 'unreadable' : 'unchained';
  const end = Math.max(0, bytes.length - HASH_FIELD);
  if (value['audit'] !== 2 || !HASH_END.test(bytes.toString('latin1', end))) return 'unreadable';
  const { prev, time, type, key, signature, after, lost, cut } = value;
  const at = Date.parse(String(time));
  if (!isName(value) || typeof prev !== 'string' || !HASH.test(prev) || Number.isNaN(at)) return 'unreadable';
  return {
    chain: value.chain,
    seq: value.seq,
    hash: value.hash,
    prev,
    time: at,
    sound: hash('sha256', bytes.subarray(0, end)) === value.hash,
    ...(type === 'open' || type === 'checkpoint' || type === 'close' ? { type } : {}),
    ...(typeof key === 'string' ? { key } : {}),
    ...(typeof signature === 'string' ? { signature } : {}),
    ...(isName(after) ? { after } : {}),
    ...(isName(lost) ? { lost } : {}),
    ...(typeof cut === 'number' ? { cut } : {}),
  };
}

function parsed(bytes: Buffer): Record<string, unknown> | undefined {
  if (bytes[0] !== BRACE) return undefined;
  try {
    const value: unknown = JSON.parse(bytes.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function isName(value: unknown): value is LineName {
  if (typeof value !== 'object' || value === null) return false;
  const { chain, seq, hash } = value as Record<string, unknown>;
  return (
    typeof chain === 'string' &&
    CHAIN.test(chain) &&
    Number.isSafeInteger(seq) &&
    Number(seq) >= 1 &&
    typeof hash === 'string' &&
    HASH.test(hash)
  );
}
