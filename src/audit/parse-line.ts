import type { LineName } from './place.ts';

/** What a verifier reads of a line; other names are whatever they are. */
export interface AuditLine {
  readonly audit: number;
  readonly time?: string;
  /** Absent: an operation. */
  readonly type?: 'open' | 'checkpoint' | 'close';
  readonly chain?: string;
  readonly seq?: number;
  readonly prev?: string;
  readonly hash?: string;
  readonly key?: string;
  readonly signature?: string;
  readonly after?: LineName;
  readonly cut?: number;
  readonly lost?: LineName;
}

/** Undefined for what is no audit line. */
export function parseLine(line: string): AuditLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'audit' in value ? (value as AuditLine) : undefined;
  } catch {
    return undefined;
  }
}

export function isChained(line: AuditLine | undefined): line is AuditLine & LineName & { readonly prev: string } {
  return (
    line !== undefined &&
    typeof line.chain === 'string' &&
    Number.isSafeInteger(line.seq) &&
    typeof line.prev === 'string' &&
    typeof line.hash === 'string'
  );
}
