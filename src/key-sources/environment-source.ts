import { KeysteadError } from '../core/errors.ts';
import type { KeySource } from '../key-manager/key-source.ts';

/** A key in a variable of an environment, as text. Read anew each time. Throws `bad-key-value` when it is not set. */
export function environmentSource(env: Readonly<Record<string, string | undefined>>, variable: string): KeySource {
  return {
    read() {
      const value = env[variable];
      if (value === undefined)
        throw new KeysteadError('bad-key-value', `the environment variable ${variable} is not set`);
      return value;
    },
  };
}
