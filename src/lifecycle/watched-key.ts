import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { KeyAdmin, KeyState, ManagedKey } from '../core/key-admin.ts';
import { type Applied, DEFAULT_TIMEOUT_S } from './apply.ts';
import type { Declaration, WantedState } from './declaration.ts';
import type { Family } from './family.ts';

/** Milliseconds that a state is trusted that was read. */
const TRUSTED_MS = 15_000;

export interface WatchedKeyDeps {
  readonly family: Family;
  readonly declaration: Declaration;
  readonly admin: KeyAdmin;
  readonly clock: Clock;
  /** Whether the key gets `NAME_TAG`. */
  readonly marks: boolean;
}

export interface ApplyRequest {
  /** False: one transition, without waiting for what comes of it. */
  readonly wait?: boolean;
  readonly timeoutS?: number;
  readonly cascade?: boolean;
}

/**
 * A declared key of a program that asks for its state often. Applying always looks first; a query is answered by what was
 * seen less than 15 seconds ago, an id never by anything but the key that is there now.
 */
export class WatchedKey {
  readonly #deps: WatchedKeyDeps;
  #wanted: WantedState | undefined;
  #seen: { readonly state: KeyState; readonly at: number } | undefined;

  constructor(deps: WatchedKeyDeps) {
    this.#deps = deps;
    this.#wanted = deps.declaration.wanted;
  }

  get id(): string {
    return this.#deps.declaration.id;
  }

  want(state: WantedState): void {
    this.#wanted = state;
  }

  /** What was done for this key and, before it, for those that it depends on; the last entry is its own. */
  async apply(request: ApplyRequest, call: Call): Promise<Applied[]> {
    const { family, clock, marks } = this.#deps;
    const { wait = true, timeoutS = DEFAULT_TIMEOUT_S, cascade = false } = request;
    this.#seen = undefined;
    const applied = await family.apply(
      this.id,
      this.#wanted,
      { clock, wait, timeoutS, cascade, marks, restore: false },
      call,
    );
    // Without waiting nobody has looked since.
    if (wait && this.#wanted !== undefined) this.#note(applied.at(-1)?.key);
    return applied;
  }

  async state(fresh: boolean, call: Call): Promise<KeyState> {
    const now = this.#deps.clock.now().getTime();
    if (!fresh && this.#seen !== undefined && now - this.#seen.at < TRUSTED_MS) return this.#seen.state;
    return this.#note(await this.#find(call));
  }

  /** Undefined where there is no key under the name. */
  async attributes(call: Call): Promise<Pick<ManagedKey, 'id' | 'resource'> | undefined> {
    const key = await this.#find(call);
    this.#note(key);
    return key;
  }

  #find(call: Call): Promise<ManagedKey | undefined> {
    return this.#deps.admin.find(this.#deps.declaration.name, [], call);
  }

  #note(key: ManagedKey | undefined): KeyState {
    const state = key?.state ?? 'terminated';
    this.#seen = { state, at: this.#deps.clock.now().getTime() };
    return state;
  }
}
