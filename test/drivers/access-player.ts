import { type AccessOptions, type OpenedAccess, openAccountAccess } from '../../src/access.ts';
import { KeysteadError } from '../../src/core/errors.ts';

/** One line of a scenario: `load`, `session`, `parallel`, `later`, `cache_keys`. */
export interface AccessStep {
  readonly op: string;
  readonly path?: string;
  readonly cache?: boolean | 'on' | 'off';
  readonly account?: string;
  readonly accounts?: readonly string[];
  readonly region?: string;
  readonly seconds?: number;
}

/** Plays the steps of one scenario, each answered as the line protocol has it; nothing is thrown. */
export class AccessPlayer {
  readonly #options: AccessOptions;
  #access: OpenedAccess | undefined;
  #laterMs = 0;

  constructor(options: AccessOptions = {}) {
    this.#options = options;
  }

  async play(step: AccessStep): Promise<Readonly<Record<string, unknown>>> {
    try {
      return await this.#answer(step);
    } catch (error) {
      // By the names of the program that the scenarios were made with.
      const { message, reason } = KeysteadError.from(error);
      const name = step.op === 'load' ? 'ValidationError' : 'AccountAuthException';
      return { error: name, message, caused_by: [reason] };
    }
  }

  async close(): Promise<void> {
    await this.#access?.close();
  }

  async #answer(step: AccessStep): Promise<Readonly<Record<string, unknown>>> {
    switch (step.op) {
      case 'start':
      case 'finish':
        return { ok: true };
      case 'load':
        return this.#load(step);
      case 'session':
        return this.#session(step);
      case 'parallel':
        return this.#parallel(step.accounts ?? [], step.region);
      case 'later':
        this.#laterMs += (step.seconds ?? 0) * 1000;
        return { ok: true };
      case 'cache_keys':
        return { ok: true, keys: this.#opened().cached() };
      default:
        return { unsupported: step.op };
    }
  }

  async #load({ path = '', cache }: AccessStep): Promise<Readonly<Record<string, unknown>>> {
    this.#access = await openAccountAccess(path, {
      ...this.#options,
      ...(cache === undefined ? {} : { cacheCreds: cache === true || cache === 'on' }),
      now: () => new Date(Date.now() + this.#laterMs),
    });
    const { chains } = this.#access.accessor;
    const ids = chains.map(({ steps }) => steps.map(({ externalId = null }) => externalId));
    return { ok: true, text: this.#access.text, external_ids: ids };
  }

  async #session({ account = '', region }: AccessStep): Promise<Readonly<Record<string, unknown>>> {
    const session = await this.#opened().session(account, region);
    const { accessKeyId } = await session.credentials();
    return { ok: true, access_key_id: accessKeyId, region: session.region };
  }

  async #parallel(accounts: readonly string[], region?: string): Promise<Readonly<Record<string, unknown>>> {
    const access = this.#opened();
    const sessions = await Promise.all(accounts.map((account) => access.session(account, region)));
    const keys = await Promise.all(sessions.map(({ credentials }) => credentials()));
    const distinct = new Set(keys.map(({ accessKeyId }) => accessKeyId));
    return { ok: true, sessions: sessions.length, distinct_credentials: distinct.size };
  }

  #opened(): OpenedAccess {
    if (this.#access === undefined) throw new KeysteadError('bad-accessor', 'no accessor was loaded');
    return this.#access;
  }
}
