import { AsyncLocalStorage } from 'node:async_hooks';
import { KeysteadError } from '../core/errors.ts';

/** Of one key, or of all changes. */
type Line = string | symbol;

/** What is at the head of a line now: a use or a change of a key. What it calls carries it along. */
interface Turn {
  readonly line: Line;
  /** A change: what it calls for its own key does not wait for it. */
  readonly isChange: boolean;
  readonly within: Turn | undefined;
  /** The lines that it, or what it calls, waits in. */
  readonly waitsIn: Line[];
  open: boolean;
}

/** A lock that others bring, for instance one between processes. Gives what releases it. */
export type Lock = () => Promise<() => void | Promise<void>>;

/**
 * Puts what happens to keys in order.
 *
 * Promises: uses of one key come one after the other, in the order of their calls; a change waits for the uses before it,
 * and everybody else's use of that key waits for its end; changes come one after the other, so that two that touch each
 * other's keys cannot wait for each other; what a callback of a change does itself does not wait for that change. A use
 * or change that would wait for one that waits for it, because a source asks for keys itself, is `key-deadlock`.
 */
export class Gate {
  readonly #turns = new AsyncLocalStorage<Turn>();
  readonly #changes = Symbol('changes');
  readonly #lines = new Map<Line, Promise<unknown>>();
  readonly #heads = new Map<Line, Turn>();
  readonly #locks = new Map<string, Lock>();
  readonly #lockOf: ((name: string) => Lock) | undefined;

  /** @param lockOf the lock of a name, beside the order of this process; absent: none. */
  constructor(lockOf: ((name: string) => Lock) | undefined) {
    this.#lockOf = lockOf;
  }

  /** Whether somebody uses or changes the key now, or a lock has to be asked. */
  isBusy(name: string): boolean {
    return this.#lockOf !== undefined || this.#lines.has(name);
  }

  /** Runs a use of a key when it is its turn. */
  use<T>(name: string, run: () => Promise<T>): Promise<T> {
    if (this.#isWithinChange((line) => line === name)) return run();
    return this.#inLine(name, false, () => this.#locked(name, run));
  }

  /** Runs a change of a key, and whatever it calls, while others wait. */
  change<T>(name: string, run: () => Promise<T>): Promise<T> {
    const held = () => {
      if (this.#isWithinChange((line) => line === name)) return run();
      return this.#inLine(name, true, () => this.#locked(name, run));
    };
    return this.#isWithinChange(() => true) ? held() : this.#inLine(this.#changes, false, held);
  }

  #isWithinChange(whether: (line: Line) => boolean): boolean {
    return chainOf(this.#turns.getStore()).some(({ isChange, line }) => isChange && whether(line));
  }

  async #inLine<T>(line: Line, isChange: boolean, run: () => Promise<T>): Promise<T> {
    const within = this.#turns.getStore();
    const chain = chainOf(within);
    if (this.#waitsForOneOf(chain, line)) {
      const what = typeof line === 'string' ? `of the key ${line}` : 'of keys';
      throw new KeysteadError(
        'key-deadlock',
        `a use or change ${what} would wait for itself; let no source, and no callback of a change, ask for a key that asks for its own`,
      );
    }
    const before = this.#lines.get(line);
    const { promise: end, resolve: ended } = Promise.withResolvers<void>();
    this.#lines.set(line, end);
    if (before !== undefined) {
      for (const { waitsIn } of chain) waitsIn.push(line);
      await before;
      for (const { waitsIn } of chain) waitsIn.splice(waitsIn.indexOf(line), 1);
    }
    const turn: Turn = { line, isChange, within, waitsIn: [], open: true };
    this.#heads.set(line, turn);
    try {
      return await this.#turns.run(turn, run);
    } finally {
      turn.open = false;
      if (this.#heads.get(line) === turn) this.#heads.delete(line);
      if (this.#lines.get(line) === end) this.#lines.delete(line);
      ended();
    }
  }

  /** Whether the end of what is at the head of this line would wait for the end of one of these. */
  #waitsForOneOf(turns: readonly Turn[], line: Line, seen = new Set<Line>()): boolean {
    const head = this.#heads.get(line);
    if (head === undefined || seen.has(line)) return false;
    seen.add(line);
    return turns.includes(head) || head.waitsIn.some((next) => this.#waitsForOneOf(turns, next, seen));
  }

  async #locked<T>(name: string, run: () => Promise<T>): Promise<T> {
    if (this.#lockOf === undefined) return run();
    const lock = this.#locks.get(name) ?? this.#lockOf(name);
    this.#locks.set(name, lock);
    const release = await lock();
    try {
      return await run();
    } finally {
      await release();
    }
  }
}

/** What goes on around: the innermost first. */
function chainOf(turn: Turn | undefined): readonly Turn[] {
  const chain: Turn[] = [];
  for (let one = turn; one !== undefined; one = one.within) if (one.open) chain.push(one);
  return chain;
}
