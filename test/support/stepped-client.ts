import { KeysteadError } from '../../src/core/errors.ts';
import type { Kek } from '../../src/core/kek.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import type { WrappedKeyStore } from '../../src/core/store.ts';
import type { DataKeys } from '../../src/data-keys/data-keys.ts';
import { storedDataKeys } from '../../src/data-keys/stored.ts';

/** Contents of the record, by number; the same bytes have the same number. */
export class Contents {
  readonly #texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(text: string): number {
    const number = this.#numbers.get(text) ?? this.#texts.push(text) - 1;
    this.#numbers.set(text, number);
    return number;
  }

  textOf(number: number): string {
    return this.#texts[number] ?? '';
  }
}

/** What a client asks its store for; `over` is the content whose etag it gives. */
export type StoreRequest =
  | { readonly does: 'read' }
  | { readonly does: 'create'; readonly content: number }
  | { readonly does: 'replace'; readonly content: number; readonly over: number };

/** What it is told: the number of a content, or one of these. */
export const [NOTHING, DONE, REFUSED, UNREACHABLE] = [-1, -2, -3, -4];

/** What its caller is told: a key that was handed out, or why there is none. */
export interface Told {
  readonly version?: number;
  readonly key?: string;
  readonly created?: boolean;
  readonly reason?: string;
}

/** What a client does: a few calls, one after the other. */
export type Script = (dataKeys: DataKeys, tell: (told: Told) => void) => Promise<void>;

/** Where a client stands; nowhere to go from there when there is no request. */
export interface Standing {
  readonly number: number;
  readonly request?: StoreRequest;
  readonly told: readonly Told[];
}

/**
 * The real data keys, one store operation at a time. Where a client stands is a function of the answers that it got,
 * because nothing else comes from outside: chance is counted, time stands still, and the KEK answers at once.
 */
export class SteppedClient {
  readonly #deps: { name: string; script: Script; restorableMs: number; contents: Contents };
  readonly #answers: number[][] = [];
  readonly #standings: Standing[] = [];
  readonly #after = new Map<string, Standing>();

  constructor(deps: { name: string; script: Script; restorableMs: number; contents: Contents }) {
    this.#deps = deps;
  }

  start(): Promise<Standing> {
    return this.#standing([]);
  }

  at(number: number): Standing {
    return this.#standings[number] as Standing;
  }

  /** Where it stands when it is told that. */
  async told(number: number, answer: number): Promise<Standing> {
    const key = `${number} ${answer}`;
    const known = this.#after.get(key) ?? (await this.#standing([...(this.#answers[number] ?? []), answer]));
    this.#after.set(key, known);
    return known;
  }

  async #standing(answers: number[]): Promise<Standing> {
    const found = await this.#run(answers);
    const standing = { ...found, number: this.#standings.length };
    this.#standings.push(standing);
    this.#answers.push(answers);
    return standing;
  }

  #run(answers: readonly number[]): Promise<Omit<Standing, 'number'>> {
    const { name, script, restorableMs, contents } = this.#deps;
    const told: Told[] = [];
    let given = 0;
    return new Promise((resolve) => {
      const ask = async (request: StoreRequest): Promise<number> => {
        const answer = answers[given++];
        if (answer === UNREACHABLE) throw new KeysteadError('store-unreachable', 'nobody answered');
        if (answer !== undefined) return answer;
        resolve({ request, told: [...told] });
        return new Promise(() => {});
      };
      const dataKeys = storedDataKeys({
        kek: plainKek(name),
        store: askingStore(ask, contents),
        random: countedRandom(name),
        clock: { now: () => new Date(0), sleep: async () => {} },
        restorableMs,
      });
      void script(dataKeys, (what) => told.push(what)).then(() => resolve({ told }));
    });
  }
}

function askingStore(ask: (request: StoreRequest) => Promise<number>, contents: Contents): WrappedKeyStore {
  const unused = async () => {
    throw new KeysteadError('not-implemented', 'not needed here');
  };
  const numberOf = (bytes: Uint8Array) => contents.numberOf(Buffer.from(bytes).toString());
  return {
    uri: 'storage://stepped',
    async read() {
      const found = await ask({ does: 'read' });
      // As S3 makes it: the etag is of the content alone, so that equal contents have equal etags.
      return found === NOTHING ? undefined : { bytes: Buffer.from(contents.textOf(found)), etag: String(found) };
    },
    create: async (_name, bytes) => (await ask({ does: 'create', content: numberOf(bytes) })) === DONE,
    async replace(_name, bytes, etag) {
      const answer = await ask({ does: 'replace', content: numberOf(bytes), over: Number(etag) });
      if (answer === REFUSED) throw new KeysteadError('stale-etag', 'somebody else was faster');
    },
    delete: unused,
    list: unused,
    check: async () => {},
    close: async () => {},
  };
}

/** Wraps by writing down; every wrap has other bytes, as nonces make them. */
function plainKek(client: string): Kek {
  let wraps = 0;
  return {
    uri: 'kms://plain',
    async wrap(key, context) {
      const text = JSON.stringify({ key: hex(key), context, by: client, n: wraps++ });
      return { kek: 'kms://plain', version: '1', algorithm: 'plain', bytes: Buffer.from(text) };
    },
    async unwrap({ bytes }, context) {
      const { key, context: bound } = JSON.parse(Buffer.from(bytes).toString());
      if (JSON.stringify(bound) !== JSON.stringify(context)) throw new KeysteadError('context-mismatch', 'another');
      return SecretBytes.own(Uint8Array.from(Buffer.from(key, 'hex')));
    },
    check: async () => {},
    close: async () => {},
  };
}

export function hex(key: SecretBytes): string {
  return Buffer.from(key.expose()).toString('hex');
}

/** No two calls, of whichever client, give the same. */
function countedRandom(client: string) {
  let count = 0;
  return {
    bytes: (length: number) => {
      const bytes = new Uint8Array(length);
      bytes.set(Buffer.from(`${client}${count++}`));
      return bytes;
    },
  };
}
