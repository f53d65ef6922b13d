import { isAway } from '../core/away.ts';
import type { Clock } from '../core/clock.ts';
import { KeysteadError, type Reason } from '../core/errors.ts';

/** One thing that was tried. */
export interface Step {
  readonly door: 'service' | 'kms' | 'storage';
  readonly step: string;
  readonly status: 'ok' | 'failed' | 'skipped';
  /** What was found, or what went wrong and what to do. */
  readonly detail?: string;
  /** Present where it failed. */
  readonly reason?: Reason;
  readonly ms: number;
}

export interface StepOptions<T> {
  /** Says what was found, from what the step gave. */
  found?(value: T): string;
  /** Whether the step is the first one that needs credentials. */
  readonly credentials?: boolean;
  /** Whether the step does again what earlier ones did: a failure that was told already is not told twice. */
  readonly comprises?: boolean;
}

/** The steps of one door, in order. Once `stop` is called the rest is skipped. */
export class Walk {
  readonly door: Step['door'];
  readonly #clock: Clock;
  readonly #tell: (step: Step) => void;
  #stopped: string | undefined;
  /** Failures, in words. */
  readonly #told = new Set<string>();

  constructor(door: Step['door'], clock: Clock, tell: (step: Step) => void) {
    this.door = door;
    this.#clock = clock;
    this.#tell = tell;
  }

  get now(): Date {
    return this.#clock.now();
  }

  /** @returns undefined where it failed or was skipped. */
  async attempt<T>(
    step: string,
    run: () => Promise<T>,
    options: StepOptions<T> = {},
  ): Promise<{ readonly value: T } | undefined> {
    if (this.#stopped !== undefined) {
      this.skip(step, this.#stopped);
      return undefined;
    }
    const begun = this.now.getTime();
    const end = await settled(run());
    const ms = Math.max(0, this.now.getTime() - begun);
    const failure = 'failure' in end ? end.failure : undefined;
    if (failure?.reason === 'client-gone') throw failure; // whoever asked does not want to know any more
    if (options.credentials === true && !this.#credentials(failure, ms)) this.skip(step, this.#stopped ?? '');
    else if ('value' in end) this.#ok(step, ms, options.found?.(end.value));
    // To wait for people is how a service without a KEK is meant to begin.
    else if (end.failure.reason === 'sealed') this.skip(step, end.failure.message);
    else if (options.comprises === true && this.#told.has(end.failure.message)) {
      this.skip(step, 'the failure above comes first');
    } else this.#failed(step, ms, end.failure);
    return 'value' in end ? end : undefined;
  }

  skip(step: string, why: string): void {
    this.#tell({ door: this.door, step, status: 'skipped', ms: 0, detail: why });
  }

  /** From now on nothing is tried any more, for that reason. */
  stop(why: string): void {
    this.#stopped ??= why;
  }

  /** Credentials have no call of their own: the first call to the cloud tells of them. @returns whether to go on. */
  #credentials(failure: KeysteadError | undefined, ms: number): boolean {
    if (failure?.code === 'unauthenticated') {
      this.#failed('credentials', ms, failure);
      this.stop('there are no credentials that are accepted');
      return false;
    }
    // Whoever was told "no" was recognised.
    if (failure === undefined || failure.code === 'permission_denied' || failure.code === 'not_found') {
      this.#ok('credentials', ms);
    } else this.skip('credentials', 'the call that would have told of them failed otherwise');
    if (failure !== undefined && isHopeless(failure)) this.stop('nothing else can work before that is mended');
    return true;
  }

  #ok(step: string, ms: number, detail?: string): void {
    this.#tell({ door: this.door, step, status: 'ok', ms, ...(detail === undefined ? {} : { detail }) });
  }

  #failed(step: string, ms: number, { reason, message }: KeysteadError): void {
    this.#told.add(message);
    this.#tell({ door: this.door, step, status: 'failed', ms, detail: message, reason });
  }
}

/** What makes every other call to the same place fail, too. */
function isHopeless(failure: KeysteadError): boolean {
  return failure.code === 'not_found' || failure.reason === 'wrong-region' || isAway(failure);
}

/** How something ended. */
export type Settled<T> = { readonly value: T } | { readonly failure: KeysteadError };

export async function settled<T>(work: Promise<T>): Promise<Settled<T>> {
  try {
    return { value: await work };
  } catch (error) {
    return { failure: KeysteadError.from(error) };
  }
}
