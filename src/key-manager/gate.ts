import { AsyncLocalStorage } from 'node:async_hooks';

/** A change that is going on: its callbacks, and what they call, pass gates that are closed to everybody else. */
interface Passage {
  readonly name: string;
  readonly within: Passage | undefined;
  open: boolean;
}

/** A lock that others bring, for instance one between processes. Gives what releases it. */
export type Lock = () => Promise<() => void | Promise<void>>;

/**
 * Puts what happens to keys in order.
 *
 * Promises: uses of one key come one after the other, in the order of their calls; a change waits for the uses before it,
 * and everybody else's use of that key waits for its end; changes come one after the other, so that two that touch each
 * other's keys cannot wait for each other; what a callback of a change does itself does not wait for that change.
 */
export class Gate {
  readonly #passages = new AsyncLocalStorage<Passage>();
  readonly #lines = new Map<string, Promise<unknown>>();
  readonly #locks = new Map<string, Lock>();
  readonly #lockOf: ((name: string) => Lock) | undefined;
  #changes: Promise<unknown> = Promise.resolve();

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
    return this.#passes(name) ? run() : this.#inLine(name, () => this.#locked(name, run));
  }

  /** Runs a change of a key, and whatever it calls, while others wait. */
  async change<T>(name: string, run: () => Promise<T>): Promise<T> {
    const within = this.#passages.getStore();
    const passage: Passage = { name, within, open: true };
    const inside = async () => {
      try {
        return await this.#passages.run(passage, run);
      } finally {
        passage.open = false;
      }
    };
    const held = () => (this.#passes(name) ? inside() : this.#inLine(name, () => this.#locked(name, inside)));
    if (isOpen(within)) return held();
    const turn = this.#changes.then(held);
    this.#changes = turn.catch(() => {});
    return turn;
  }

  #passes(name: string): boolean {
    for (let passage = this.#passages.getStore(); passage !== undefined; passage = passage.within) {
      if (passage.open && passage.name === name) return true;
    }
    return false;
  }

  #inLine<T>(name: string, run: () => Promise<T>): Promise<T> {
    const before = this.#lines.get(name);
    const turn = before === undefined ? run() : before.then(run);
    const end = turn
      .catch(() => {})
      .then(() => {
        if (this.#lines.get(name) === end) this.#lines.delete(name);
      });
    this.#lines.set(name, end);
    return turn;
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

function isOpen(passage: Passage | undefined): boolean {
  return passage !== undefined && (passage.open || isOpen(passage.within));
}
