import type { Call } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { Custody, HeldCustody, KekInfo, MasterSecret } from '../../core/kek.ts';
import type { KekPlace, KekPlaceReport, KekSight, KekWatch } from '../../core/kek-place.ts';
import type { SecretBytes } from '../../core/secret-bytes.ts';

export interface KeptCustodyDeps {
  readonly kek: HeldCustody;
  readonly place: KekPlace;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: { info(fields: object, message: string): void; error(fields: object, message: string): void };
  /** A call of the service itself. */
  ownCall(): Call;
}

/**
 * A KEK that also stays in a place beside the service.
 *
 * Promises: a KEK that people bring is in the place, and was read there again, before it is taken. While the service is
 * sealed it takes the KEK that appears in the place. While the place holds another KEK than the service, or something
 * that is none, nothing that needs the KEK succeeds; once it holds the same again, everything does. A place that is
 * empty or cannot be seen changes nothing for a service that has its KEK but what its report says.
 */
export class KeptCustody implements Custody {
  readonly #deps: KeptCustodyDeps;
  readonly #watch: KekWatch;
  #report: KekPlaceReport;

  /** Watches from now on, until it is closed. */
  constructor(deps: KeptCustodyDeps) {
    this.#deps = deps;
    this.#report = { name: deps.place.name, state: 'unseen', since: deps.clock.now() };
    this.#watch = deps.place.watch((sight) => this.#seen(sight));
  }

  info(): KekInfo | undefined {
    return this.#deps.kek.info();
  }

  /** As it was when it was last seen. */
  report(): KekPlaceReport {
    return this.#report;
  }

  async bootstrap(masterSecret: SecretBytes, salt: SecretBytes, call: Call): Promise<KekInfo> {
    const { kek, place } = this.#deps;
    const given = await kek.preview(masterSecret, salt, call);
    if (!(await this.#holds(given, call))) {
      await place.create({ masterSecret, salt }, call); // false: somebody else was faster
      if (!(await this.#holds(given, call))) {
        throw new KeysteadError('kek-secret-unreachable', `${place.name} does not show yet what was written there`);
      }
    }
    return kek.bootstrap(masterSecret, salt, call);
  }

  async close(): Promise<void> {
    await this.#watch.close();
  }

  /** Whether the KEK is in the place; false where nothing is. Throws `kek-exists` where it is another one. */
  async #holds(given: KekInfo, call: Call): Promise<boolean> {
    const { kek, place } = this.#deps;
    const found = await place.read(call);
    if (found === undefined) return false;
    try {
      const { fingerprint } = await kek.preview(found.masterSecret, found.salt, call);
      if (fingerprint === given.fingerprint) return true;
      throw new KeysteadError(
        'kek-exists',
        `${place.name} holds another KEK, with fingerprint ${fingerprint}; nothing was changed`,
      );
    } finally {
      dispose(found);
    }
  }

  async #seen(sight: KekSight): Promise<void> {
    const { kek, place } = this.#deps;
    const sealed = kek.info() === undefined;
    if ('kek' in sight) return this.#seenKek(sight.kek);
    if ('absent' in sight) {
      kek.suspend(undefined);
      const gone = `${place.name} is gone: a restarted service will be sealed; bootstrap the same KEK again`;
      this.#tell('absent', sealed ? undefined : gone);
    } else if ('unfit' in sight) {
      this.#refuse(sight.unfit);
    } else {
      if (sealed) kek.suspend(new KeysteadError('sealed', `the service has no KEK yet: ${sight.away.message}`));
      this.#tell('unseen', sight.away.message, sight.away);
    }
  }

  /** Throws what may pass, so that there is another look. */
  async #seenKek(found: MasterSecret): Promise<void> {
    const { kek, place, log, ownCall } = this.#deps;
    const before = kek.info();
    try {
      const info = await kek.bootstrap(found.masterSecret, found.salt, ownCall());
      kek.suspend(undefined);
      this.#tell('held');
      if (before === undefined) log.info({ ...info }, `the KEK was taken from ${place.name}`);
    } catch (error) {
      const failure = KeysteadError.from(error);
      if (failure.retryable) throw failure;
      this.#refuse(failure);
    } finally {
      dispose(found);
    }
  }

  #refuse({ message }: KeysteadError): void {
    const { kek, place } = this.#deps;
    const failure = new KeysteadError(
      'fingerprint-mismatch',
      `${place.name} is not the KEK of this service: ${message}`,
    );
    kek.suspend(failure);
    this.#tell('other', failure.message, failure);
  }

  /** A problem goes to the log once, however often it is seen. */
  #tell(state: KekPlaceReport['state'], problem?: string, error?: KeysteadError): void {
    const { clock, log } = this.#deps;
    const before = this.#report;
    const since = state === before.state ? before.since : clock.now();
    this.#report = { name: before.name, state, since, ...(problem === undefined ? {} : { problem }) };
    if (problem !== undefined && problem !== before.problem) log.error({ ...(error && { err: error }) }, problem);
  }
}

function dispose({ masterSecret, salt }: MasterSecret): void {
  masterSecret.dispose();
  salt.dispose();
}
