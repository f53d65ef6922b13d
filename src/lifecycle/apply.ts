import type { Call } from '../core/call.ts';
import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { KeyAdmin, ManagedKey } from '../core/key-admin.ts';
import { fieldsToRead } from './compare.ts';
import type { Declaration, WantedState } from './declaration.ts';
import { type Observed, type Plan, type PlanOptions, plan, type Step } from './plan.ts';

const POLL_MS = 1000;
/** Polls that a key may take to be found under the name that it was given: AWS is consistent in the end only. */
const PATIENCE = 5;
/** Seconds until a state is given up that does not come. */
export const DEFAULT_TIMEOUT_S = 300;

export interface ApplyOptions extends PlanOptions {
  readonly clock: Clock;
  /** False: one transition, without waiting for what comes of it. */
  readonly wait: boolean;
  /** Until the wanted state is there; `state-timeout` after that. */
  readonly timeoutS: number;
  /** Asked before each plan that has something to do; throws where somebody must confirm it first. */
  readonly consent?: (plan: Plan) => Promise<void>;
}

/** What was done, and what is there now. */
export interface Applied {
  readonly declaration: Declaration;
  readonly wanted: WantedState | undefined;
  readonly done: readonly Step['do'][];
  /** As it was last seen; undefined: there is none under the name. */
  readonly key: ManagedKey | undefined;
  readonly warnings: readonly string[];
}

/** Looks at a declared key. @param thorough looks for keys without a name even where there is one with it. */
export async function observe(
  admin: KeyAdmin,
  declaration: Declaration,
  { marks, thorough }: { readonly marks: boolean; readonly thorough: boolean },
  call: Call,
): Promise<Observed> {
  const key = await admin.find(declaration.name, fieldsToRead(declaration, marks), call);
  const looks = marks && (key === undefined || thorough);
  return { key, earlier: looks ? await admin.earlier(declaration.name, call) : [] };
}

/**
 * Brings one key to its declared state: looks, does, looks again, until nothing is left to do.
 *
 * Promises: it looks before it acts; of the key that it made it never makes a second one, however long the KMS takes to
 * show the first; what the KMS cannot do now it tries again until `timeoutS`; what was done before a failure, or before it
 * was killed, the next run completes. Throws `key-differs` before anything is done, `state-timeout`, what `consent`
 * throws, and what the KMS refuses.
 */
export async function applyOne(
  admin: KeyAdmin,
  declaration: Declaration,
  wanted: WantedState | undefined,
  options: ApplyOptions,
  call: Call,
): Promise<Applied> {
  return new Application(admin, declaration, wanted, options, call).run();
}

class Application {
  readonly #admin: KeyAdmin;
  readonly #declaration: Declaration;
  readonly #wanted: WantedState | undefined;
  readonly #options: ApplyOptions;
  readonly #call: Call;
  readonly #begin: number;
  readonly #done: Step['do'][] = [];
  readonly #warnings = new Set<string>();
  /** Undefined: this run has made no key. */
  #made: ManagedKey | undefined;
  #unseen = 0;
  #restored = false;
  #key: ManagedKey | undefined;
  #trouble: KeysteadError | undefined;

  constructor(
    admin: KeyAdmin,
    declaration: Declaration,
    wanted: WantedState | undefined,
    options: ApplyOptions,
    call: Call,
  ) {
    this.#admin = admin;
    this.#declaration = declaration;
    this.#wanted = wanted;
    this.#options = options;
    this.#call = call;
    this.#begin = options.clock.now().getTime();
  }

  async run(): Promise<Applied> {
    while (await this.#round()) await this.#pause();
    return {
      declaration: this.#declaration,
      wanted: this.#wanted,
      done: this.#done,
      key: this.#key,
      warnings: [...this.#warnings],
    };
  }

  /** True: another one is needed. */
  async #round(): Promise<boolean> {
    try {
      const next = await this.#next();
      if (next.steps.length === 0) return false;
      this.#assertInTime(next);
      return await this.#perform(next);
    } catch (error) {
      const failure = KeysteadError.from(error);
      const final = !failure.retryable || failure.reason === 'state-timeout' || failure.reason === 'key-unnamed';
      if (final || !this.#options.wait || this.#call.signal.aborted) throw error;
      this.#assertInTime(undefined, failure);
      this.#trouble = failure;
      return true;
    }
  }

  async #next(): Promise<Plan> {
    const { restore, marks } = this.#options;
    const asks = { restore: restore && !this.#restored, marks };
    const observed = this.#remembering(
      await observe(this.#admin, this.#declaration, { marks, thorough: asks.restore }, this.#call),
    );
    this.#key = observed.key;
    const next = plan(this.#declaration, this.#wanted, observed, asks);
    for (const warning of next.warnings) this.#warnings.add(warning);
    if (next.conflicts.length > 0) throw differs(this.#declaration, next);
    return next;
  }

  /** A key that this run has made is there, also where the KMS does not show it yet, or somebody took its name away. */
  #remembering(observed: Observed): Observed {
    const made = this.#made;
    if (observed.key !== undefined || made === undefined || this.#wanted === 'terminated') return observed;
    this.#unseen++;
    if (this.#unseen <= PATIENCE)
      return { key: { ...made, state: 'pending', providerState: 'not shown yet' }, earlier: [] };
    return { key: undefined, earlier: [{ ...made, named: false }] };
  }

  async #perform(next: Plan): Promise<boolean> {
    const steps = next.steps.filter((step) => step.do !== 'wait');
    if (steps.length > 0) await this.#options.consent?.(next);
    for (const step of steps) {
      await this.#step(step);
      this.#done.push(step.do);
    }
    if (this.#options.wait) return true;
    if (steps.length === 0) await this.#pause();
    else if (this.#wanted === 'running') await this.#mendOnce(steps);
    return false;
  }

  /** One transition is over; what differs of a key that runs now is part of it. */
  async #mendOnce(before: readonly Step[]): Promise<void> {
    if (before.some((step) => step.do === 'update')) return;
    const { steps } = await this.#next();
    for (const step of steps) {
      if (step.do !== 'update') continue;
      await this.#step(step);
      this.#done.push(step.do);
    }
  }

  async #step(step: Step): Promise<void> {
    const { name, spec } = this.#declaration;
    switch (step.do) {
      case 'create':
        this.#made = await this.#admin.create(name, { ...spec, enabled: step.to === 'running' }, this.#call);
        return;
      case 'name':
      case 'restore':
        await this.#admin.restore(name, step.key, step.to, this.#call);
        this.#restored = true;
        return;
      case 'enable':
      case 'disable':
        return this.#admin.update(name, step.key, { enabled: step.do === 'enable' }, this.#call);
      case 'update':
        return this.#admin.update(name, step.key, step.change, this.#call);
      case 'terminate':
        return this.#admin.terminate(name, step.key, step.days, this.#call);
      case 'wait':
    }
  }

  #assertInTime(next: Plan | undefined, failure = this.#trouble): void {
    const { clock, timeoutS, wait } = this.#options;
    const passed = (clock.now().getTime() - this.#begin) / 1000;
    if (!wait || passed < timeoutS) return;
    const key = next?.observed.key;
    const state = key === undefined ? 'it is not there' : `it is ${key.state} (${key.providerState})`;
    const why = failure === undefined ? [state, ...(next?.warnings ?? [])].join('; ') : failure.message;
    throw new KeysteadError(
      'state-timeout',
      `${this.#declaration.name} was not ${this.#wanted} after ${timeoutS} s: ${why}`,
      failure === undefined ? {} : { cause: failure },
    );
  }

  #pause(): Promise<void> {
    return this.#options.clock.sleep(POLL_MS, this.#call.signal);
  }
}

function differs({ name }: Declaration, { conflicts }: Plan): KeysteadError {
  const list = conflicts
    .map(({ field, declared, found }) => `${field} is ${found}, declared is ${declared}`)
    .join('; ');
  return new KeysteadError(
    'key-differs',
    `${name}: ${list}; that cannot be changed: correct the declaration, or give it another name for another key`,
  );
}
