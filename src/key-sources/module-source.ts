import { stat } from 'node:fs/promises';
import { KeysteadError } from '../core/errors.ts';
import type { KeyPairInput } from '../key-manager/key-pair.ts';
import type { KeySource } from '../key-manager/key-source.ts';

/**
 * A key, or a pair, that a module of the application exports. The module is loaded again when its file has changed; what
 * it imports itself is not. Reading throws `no-file` where there is no such module, `bad-key-value` where it exports no
 * such name.
 *
 * @param url of the module's file: `new URL('./keys.mjs', import.meta.url)`.
 * @param names one export for both directions, or two: forward, back.
 */
export function moduleSource(url: URL, names: string | readonly [forward: string, back: string]): KeySource {
  return {
    async read() {
      const exported = await freshModule(url);
      const pick = (name: string) => {
        if (!Object.hasOwn(exported, name))
          throw new KeysteadError('bad-key-value', `${url.pathname} exports no ${name}`);
        return exported[name];
      };
      return (typeof names === 'string' ? pick(names) : names.map(pick)) as KeyPairInput;
    },
    // Others import the same module.
    lends: true,
  };
}

async function freshModule(url: URL): Promise<Record<string, unknown>> {
  let state: string;
  try {
    const { mtimeMs, size } = await stat(url);
    state = `${mtimeMs}-${size}`;
  } catch (cause) {
    throw new KeysteadError('no-file', `there is no module ${url.pathname}`, { cause });
  }
  const fresh = new URL(url);
  fresh.searchParams.set('state', state);
  return import(fresh.href);
}
