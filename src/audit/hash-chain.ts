import { hash } from 'node:crypto';

/** A place in a chain of lines. */
export interface ChainHead {
  readonly chain: string;
  /** Of the last line, from 1; 0 before the first. */
  readonly seq: number;
  /** Of the last line; 64 zeros before the first. */
  readonly hash: string;
}

/** What the first line of a chain follows. */
export const NO_LINE = '0'.repeat(64);

/**
 * Chains lines, so that none can be changed, taken out, put in or moved without being noticed (docs/formats/audit.md).
 * Each line tells its chain, its number, the hash of the line before it, and its own hash, which is over all that
 * stands before `,"hash"` in it.
 */
export class HashChain {
  readonly chain: string;
  #seq = 0;
  #hash = NO_LINE;

  /** @param chain 32 hex digits, those of no other chain. */
  constructor(chain: string) {
    this.chain = chain;
  }

  get head(): ChainHead {
    return { chain: this.chain, seq: this.#seq, hash: this.#hash };
  }

  /** @param body the line without its end: `{"audit":2,…`. @returns the whole line with its newline. */
  next(body: string): string {
    this.#seq += 1;
    const line = `${body},"chain":"${this.chain}","seq":${this.#seq},"prev":"${this.#hash}"`;
    this.#hash = lineHash(line);
    return `${line},"hash":"${this.#hash}"}\n`;
  }
}

/** @param line up to where `,"hash"` follows. @returns SHA-256 of its UTF-8, 64 lower-case hex digits. */
export function lineHash(line: string): string {
  return hash('sha256', line);
}
