import { setImmediate as turn } from 'node:timers/promises';
import type { Kek } from '../../src/core/kek.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';

/** Waits until it is somebody's turn. */
export type Gate = (label: string) => Promise<void>;

/** One order of steps: whoever comes to a gate waits there until the schedule lets exactly one of them go on. */
export class Schedule {
  readonly #waiting: { label: string; go(): void }[] = [];

  gate: Gate = (label) => new Promise((resolve) => this.#waiting.push({ label, go: resolve }));

  /**
   * Lets one after the other go on until nobody waits. `choices` are the first turns, by the place of who goes on among
   * those who wait; from then on the first. Gives for each turn which of how many went on.
   */
  async run(choices: readonly number[]): Promise<{ readonly turns: readonly Turn[]; readonly trace: string }> {
    const turns: Turn[] = [];
    const trace: string[] = [];
    for (;;) {
      await turn(); // until everybody stands at a gate
      const count = this.#waiting.length;
      if (count === 0) return { turns, trace: trace.join(' ') };
      const chosen = choices[turns.length] ?? 0;
      const [next] = this.#waiting.splice(chosen, 1);
      turns.push({ chosen, count });
      trace.push(next?.label ?? '');
      next?.go();
    }
  }
}

export interface Turn {
  readonly chosen: number;
  readonly count: number;
}

/** Runs `scenario` under every order of its steps, one after the other. Gives the number of orders. */
export async function everySchedule(
  scenario: (schedule: Schedule, choices: readonly number[]) => Promise<readonly Turn[]>,
): Promise<number> {
  let choices: number[] | undefined = [];
  let count = 0;
  while (choices !== undefined) {
    const turns = await scenario(new Schedule(), choices);
    count++;
    choices = following(turns);
  }
  return count;
}

/** The next order, as an odometer counts: the last turn at which somebody else could have gone on. */
function following(turns: readonly Turn[]): number[] | undefined {
  const last = turns.findLastIndex(({ chosen, count }) => chosen + 1 < count);
  const turn = turns[last];
  return turn && [...turns.slice(0, last).map(({ chosen }) => chosen), turn.chosen + 1];
}

/** A store each of whose operations is one step that waits at the gate first. */
export function gatedStore(inner: WrappedKeyStore, gate: Gate): WrappedKeyStore {
  const step = async <T>(label: string, work: () => Promise<T>): Promise<T> => {
    await gate(label);
    return work();
  };
  return {
    uri: inner.uri,
    read: (name, call) => step('read', () => inner.read(name, call)),
    create: (name, bytes, call) => step('create', () => inner.create(name, bytes, call)),
    replace: (name, bytes, etag, call) => step('replace', () => inner.replace(name, bytes, etag, call)),
    delete: (name, etag, call) => step('delete', () => inner.delete(name, etag, call)),
    list: (prefix, from, limit, call) => step('list', () => inner.list(prefix, from, limit, call)),
    check: (call) => inner.check(call),
    close: () => inner.close(),
  };
}

/** As `gatedStore`, for a KEK. */
export function gatedKek(inner: Kek, gate: Gate): Kek {
  return {
    uri: inner.uri,
    async wrap(key, context, call) {
      await gate('wrap');
      return inner.wrap(key, context, call);
    },
    async unwrap(wrapped, context, call) {
      await gate('unwrap');
      return inner.unwrap(wrapped, context, call);
    },
    check: (call) => inner.check(call),
    close: () => inner.close(),
  };
}
