import type { Call } from '../../src/core/call.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import type { DataKey, DataKeys, GetDataKey } from '../../src/data-keys/data-keys.ts';

/** One get that waits until the test answers it. */
export interface Round {
  readonly request: GetDataKey;
  readonly call: Call;
  answer(over?: Partial<Omit<DataKey, 'id'>>): void;
  fail(error: unknown): void;
}

/** Data keys whose every get waits for the test; everything else is answered at once, with nothing of use. */
export function scriptedDataKeys(): { readonly dataKeys: DataKeys; readonly rounds: Round[] } {
  const rounds: Round[] = [];
  const nothing = async () => ({}) as never;
  const dataKeys: DataKeys = {
    get: (request, call) =>
      new Promise((resolve, reject) => {
        const answer: Round['answer'] = (over = {}) =>
          resolve({
            id: request.id,
            version: request.version ?? 1,
            key: SecretBytes.own(new Uint8Array(request.length).fill(7)),
            created: false,
            source: 'stored',
            ...over,
          });
        rounds.push({ request, call, answer, fail: reject });
      }),
    describe: nothing,
    list: nothing,
    rotate: nothing,
    rewrap: nothing,
    delete: nothing,
    restore: nothing,
  };
  return { dataKeys, rounds };
}
