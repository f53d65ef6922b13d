/**
 * Values by a mark, for as long as there is room.
 *
 * Promises: never more than `most` of them; one that is asked for is among the last to go. A look-up is one or two of a
 * `Map`, and mostly writes nothing: it is on the way of every request.
 */
export class Remembered<T> {
  readonly #half: number;
  #young = new Map<string, T>();
  #old = new Map<string, T>();

  constructor(most: number) {
    this.#half = Math.max(1, Math.floor(most / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  find(mark: string): T | undefined {
    const found = this.#young.get(mark);
    if (found !== undefined) return found;
    const old = this.#old.get(mark);
    if (old !== undefined) this.put(mark, old);
    return old;
  }

  put(mark: string, value: T): void {
    this.#old.delete(mark);
    if (!this.#young.has(mark) && this.#young.size >= this.#half) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(mark, value);
  }

  forget(mark: string): void {
    this.#young.delete(mark);
    this.#old.delete(mark);
  }
}
