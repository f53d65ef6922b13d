import type { Problem } from './report.ts';
import type { LineName } from './trail-line.ts';

/** A line that must be in the trail, because somebody has written down that it is. */
interface Known extends LineName {
  /** Who says so, for people. */
  readonly from: string;
  /** Whether a trail without any line of that chain is wrong. */
  readonly strict: boolean;
  /** Whether it was said outside of the trail: then it may stand for lines that are not given. */
  readonly trusted: boolean;
  found?: boolean;
}

/** Lines known from elsewhere: told by the user, kept in a `.head` file, named by a later chain. */
export class KnownLines {
  readonly #bySeq = new Map<string, Known[]>();

  add(known: Known): void {
    const name = `${known.chain}:${known.seq}`;
    const same = this.#bySeq.get(name);
    if (same === undefined) this.#bySeq.set(name, [known]);
    else same.push(known);
  }

  /** Told of every line. @returns who knows it with another hash. */
  meet({ chain, seq, hash }: LineName): string | undefined {
    const known = this.#bySeq.get(`${chain}:${seq}`);
    if (known === undefined) return undefined;
    for (const one of known) one.found = true;
    return known.find((one) => one.hash !== hash)?.from;
  }

  /** Whether somebody outside has said that this line was there. */
  vouchedFor({ chain, seq, hash }: LineName): boolean {
    const known = this.#bySeq.get(`${chain}:${seq}`)?.filter((one) => one.trusted && one.hash === hash) ?? [];
    for (const one of known) one.found = true;
    return known.length > 0;
  }

  /** What is known and not there. @param given first and last line of each chain that is given. */
  missing(given: ReadonlyMap<string, { readonly first: number; readonly last: number }>): Problem[] {
    const all = [...this.#bySeq.values()].flat();
    const told = (trusted: boolean) =>
      all.filter((one) => one.trusted === trusted && one.found !== true).flatMap((one) => this.#absent(one, given));
    // Those that are trusted come last: they may stand for what others name.
    return [...told(false), ...told(true)];
  }

  #absent(one: Known, given: Parameters<KnownLines['missing']>[0]): Problem[] {
    const { chain, seq, hash, from, strict, trusted } = one;
    const range = given.get(chain);
    const where = `line ${seq} of chain ${chain}, which ${from} names`;
    if (range === undefined) {
      if (!strict || (!trusted && this.vouchedFor(one))) return [];
      const otherwise = trusted ? '' : `, or --expect ${chain}:${seq}:${hash} if it was put away`;
      const message = `${where}, is not there, nor is any other line of that chain; give all files${otherwise}`;
      return [{ kind: 'truncated', chain, message }];
    }
    // Between the first and the last it is missing, and told of already.
    if (seq <= range.last) return [];
    return [{ kind: 'truncated', chain, message: `${where}, is not there; the chain ends with line ${range.last}` }];
  }
}
