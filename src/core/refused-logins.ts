import type { AuditSink } from './audit.ts';
import type { Credentials } from './authenticator.ts';
import type { Principal } from './call.ts';
import type { Clock, Random } from './clock.ts';
import type { KeysteadError } from './errors.ts';
import { networkOf } from './network.ts';

/** Milliseconds in which one place has two lines at most: its first refusal, and how many followed. */
const WINDOW = 60_000;
/** Places that have lines of their own; all others of a listener and a reason share one. */
const MOST = 100;
/** Nobody has proved to be anybody. */
const NOBODY: Principal = { kind: 'anonymous', name: 'anonymous', groups: [] };

interface Refusal {
  readonly credentials: Credentials;
  readonly reason: KeysteadError['reason'];
  readonly outcome: 'denied' | 'failed';
}

interface Place {
  /** The one that a line of several names. */
  last: Refusal;
  /** Refusals that no line tells of yet. */
  held: number;
  since: Date;
}

/**
 * Writes refused credentials to the audit trail: that, when, from where and why; nothing of what was shown, and no name
 * that was claimed.
 *
 * Promises: the first refusal of a place, which is a listener, a reason and a source address, has its line before its
 * caller is answered; those that follow within a minute have one line together, with their number, so that nobody can
 * fill a disk with guesses: 200 lines a minute at most, and a few more. What cannot be written is counted, and told when
 * it can be written again: to refuse needs no trail, since nothing is handed out.
 */
export class RefusedLogins {
  readonly #deps: { readonly audit: AuditSink; readonly clock: Clock; readonly random: Random };
  readonly #places = new Map<string, Place>();
  readonly #closing = new AbortController();
  #sweeping: Promise<void> | undefined;

  constructor(deps: { readonly audit: AuditSink; readonly clock: Clock; readonly random: Random }) {
    this.#deps = deps;
  }

  /** Never rejects. */
  async refused(credentials: Credentials, { code, reason }: KeysteadError): Promise<void> {
    const outcome = code === 'unauthenticated' || code === 'resource_exhausted' ? 'denied' : 'failed';
    const refusal: Refusal = { credentials, reason, outcome };
    const name = this.#nameOf(refusal);
    const known = this.#places.get(name);
    if (known !== undefined) {
      known.held++;
      known.last = refusal;
      return;
    }
    const place: Place = { last: refusal, held: 0, since: this.#deps.clock.now() };
    this.#places.set(name, place);
    this.#sweeping ??= this.#sweep();
    await this.#tell(place, 1);
  }

  /** Tells what is held. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#sweeping;
    await this.#tellAll();
  }

  #nameOf({ credentials, reason }: Refusal): string {
    const { listener, source } = credentials;
    const name = `${listener} ${reason} ${source === undefined ? '' : networkOf(source)}`;
    return this.#places.has(name) || this.#places.size < MOST ? name : `${listener} ${reason} others`;
  }

  async #sweep(): Promise<void> {
    while (this.#places.size > 0) {
      try {
        await this.#deps.clock.sleep(WINDOW, this.#closing.signal);
      } catch {
        return;
      }
      await this.#tellAll();
    }
    this.#sweeping = undefined;
  }

  async #tellAll(): Promise<void> {
    const told = [...this.#places].map(async ([name, place]) => {
      const { held } = place;
      // A quiet minute: its next refusal has a line of its own again.
      if (held === 0) return void this.#places.delete(name);
      place.held = 0;
      await this.#tell(place, held);
    });
    await Promise.all(told);
  }

  async #tell(place: Place, count: number): Promise<void> {
    const { audit, clock, random } = this.#deps;
    const { credentials, reason, outcome } = place.last;
    const { listener, source, authorization, certificate, auditId } = credentials;
    const since = place.since;
    place.since = clock.now();
    try {
      await audit.write({
        time: clock.now(),
        auditId: auditId ?? Buffer.from(random.bytes(16)).toString('hex'),
        principal: NOBODY,
        listener,
        ...(source === undefined ? {} : { source }),
        action: 'system.authenticate',
        resource: authorization !== undefined ? 'token' : certificate !== undefined ? 'certificate' : 'none',
        outcome,
        reason,
        ...(count === 1 ? {} : { details: { refusals: count, since: since.toISOString() } }),
      });
    } catch {
      place.held += count;
      place.since = since;
    }
  }
}
