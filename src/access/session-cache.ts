import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import type { AssumedRole } from '../core/roles.ts';
import { within } from '../core/within.ts';

/** A session by what makes it what it is, and how it is called. */
export interface CachedSession extends AssumedRole {
  readonly key: string;
  readonly label: string;
}

/** Where sessions are kept beyond the process; whoever gives it seals them. */
export interface SessionShelf {
  load(): Promise<readonly CachedSession[]>;
  save(sessions: readonly CachedSession[]): Promise<void>;
}

/** Milliseconds before their end from which on credentials are not given out: a call made with them takes a while. */
export const EXPIRY_MARGIN_MS = 60_000;

/** Sessions kept at most: of 10 000 accounts, some kilobytes each. */
const MAX_SESSIONS = 10_000;

/**
 * Sessions of roles until a minute before their end, and one flight per hop.
 *
 * Promises: calls at the same time for the same hop are one AssumeRole, which no caller's end ends for the others; what
 * failed is not remembered; of too many sessions those go that were used the longest time ago.
 * `off`: nothing is remembered, and every call takes its own roles.
 */
export class SessionCache {
  readonly #clock: Clock;
  readonly #off: boolean;
  readonly #shelf: SessionShelf | undefined;
  readonly #sessions = new Map<string, CachedSession>();
  readonly #flights = new Map<string, Promise<CachedSession>>();
  #loading: Promise<void> | undefined;

  constructor(deps: { readonly clock: Clock; readonly off?: boolean; readonly shelf?: SessionShelf | undefined }) {
    this.#clock = deps.clock;
    this.#off = deps.off ?? false;
    this.#shelf = deps.shelf;
  }

  /** Whether sessions are remembered. */
  get keeps(): boolean {
    return !this.#off;
  }

  /** Fetches what an earlier process has left, once. Throws what the shelf throws. */
  async ready(): Promise<void> {
    if (this.#shelf === undefined || this.#off) return;
    this.#loading ??= this.#load(this.#shelf);
    await this.#loading;
  }

  /** A session that lives for longer than `leftMs`. */
  find(key: string, leftMs = EXPIRY_MARGIN_MS): CachedSession | undefined {
    const found = this.#sessions.get(key);
    if (found === undefined || !this.#lives(found, leftMs)) return undefined;
    this.#sessions.delete(key);
    this.#sessions.set(key, found);
    return found;
  }

  /** The session that `take` takes, shared with all who ask for it at this time. Waits no longer than the call lives. */
  async through(
    hop: { key: string; label: string },
    call: Call,
    take: () => Promise<AssumedRole>,
  ): Promise<AssumedRole> {
    if (this.#off) return within(call, take);
    let flight = this.#flights.get(hop.key);
    if (flight === undefined) {
      flight = this.#take(hop, take).finally(() => this.#flights.delete(hop.key));
      flight.catch(() => {}); // when all have gone, there is nobody to tell
      this.#flights.set(hop.key, flight);
    }
    const landed = flight;
    return within(call, () => landed);
  }

  /** What the sessions are called that are still good, each name once, in order. */
  labels(): string[] {
    const living = [...this.#sessions.values()].filter((session) => this.#lives(session, EXPIRY_MARGIN_MS));
    return [...new Set(living.map(({ label }) => label))].sort();
  }

  async #take(
    { key, label }: { key: string; label: string },
    take: () => Promise<AssumedRole>,
  ): Promise<CachedSession> {
    const session = { ...(await take()), key, label };
    this.#put(session);
    await this.#shelf?.save([...this.#sessions.values()].filter((each) => this.#lives(each, EXPIRY_MARGIN_MS)));
    return session;
  }

  #put(session: CachedSession): void {
    this.#sessions.delete(session.key);
    this.#sessions.set(session.key, session);
    if (this.#sessions.size <= MAX_SESSIONS) return;
    for (const each of this.#sessions.values()) {
      if (!this.#lives(each, EXPIRY_MARGIN_MS)) this.#sessions.delete(each.key);
    }
    const oldest = this.#sessions.keys().next().value;
    if (this.#sessions.size > MAX_SESSIONS && oldest !== undefined) this.#sessions.delete(oldest);
  }

  async #load(shelf: SessionShelf): Promise<void> {
    for (const session of await shelf.load()) this.#put(session);
  }

  #lives({ credentials: { expiresAt } }: CachedSession, leftMs: number): boolean {
    return expiresAt !== undefined && expiresAt.getTime() - this.#clock.now().getTime() > leftMs;
  }
}
