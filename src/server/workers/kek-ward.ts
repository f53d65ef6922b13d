import type { MasterSecret } from '../../wiring/ambient.ts';
import { dispose, fromPlain, type PlainKek, toPlain } from './protocol.ts';

/** A worker, as far as the KEK is concerned. */
export interface Taker {
  take(kek: PlainKek): Promise<unknown>;
  /** Ends a worker that cannot take the KEK of its service. */
  kill(): void;
}

/**
 * The primary's keeping of the KEK: the master secret that every worker, and every later one, is given.
 *
 * Promises: the first secret that its own worker accepts wins, whichever workers are asked at once; `bring` resolves
 * when all workers have it.
 */
export class KekWard {
  #kek: MasterSecret | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  /** Takes ownership. */
  constructor(kek: MasterSecret | undefined) {
    this.#kek = kek;
  }

  /** What a new worker is started with. */
  plain(): PlainKek | undefined {
    return this.#kek === undefined ? undefined : toPlain(this.#kek);
  }

  /**
   * A worker was brought a KEK. When there is one already, nothing is done: the worker has it by now and knows what to
   * say. Throws what the worker says of a KEK that is not fit.
   */
  bring(plain: PlainKek, by: Taker, workers: () => readonly Taker[]): Promise<void> {
    const turn = this.#turn.then(() => this.#decide(plain, by, workers));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  dispose(): void {
    dispose(this.#kek);
    this.#kek = undefined;
  }

  async #decide(plain: PlainKek, by: Taker, workers: () => readonly Taker[]): Promise<void> {
    const given = fromPlain(plain);
    if (this.#kek !== undefined) {
      dispose(given);
      return;
    }
    try {
      await by.take(toPlain(given));
    } catch (error) {
      dispose(given);
      throw error;
    }
    // From here on a worker that starts is given it; those that are there already are told.
    this.#kek = given;
    const others = workers().filter((worker) => worker !== by);
    await Promise.all(others.map((worker) => worker.take(toPlain(given)).catch(() => worker.kill())));
  }
}
