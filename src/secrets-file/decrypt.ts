import type { Call } from '../core/call.ts';
import type { Pace } from './paced.ts';
import { plainSpelling } from './parameter-type.ts';
import { type Changes, rewrite } from './rewrite.ts';
import type { Sealer } from './sealer.ts';
import type { SecretsFile } from './secrets-file.ts';
import { openAll, textOf } from './values.ts';

/** What an encrypted file has at its top and a plain one has not. */
const LEFT_OUT = { encrypted_with: null, data_key: null, integrity: null } as const satisfies Changes['header'];

/** Opens every sealed value, and spells every type as the store does. */
export async function decrypt(
  file: SecretsFile,
  deps: { readonly sealer: Sealer; readonly pace: Pace },
  call: Call,
): Promise<string> {
  const values = await openAll(file.parameters, deps.sealer, deps.pace, call);
  try {
    const parameters = new Map(
      file.parameters.map((parameter, index) => {
        const type = plainSpelling(parameter);
        if (!parameter.sealed) return [index, { type }];
        return [index, { type, value: textOf(values[index] as (typeof values)[number], parameter.name) }];
      }),
    );
    return rewrite(file, { parameters, header: LEFT_OUT });
  } finally {
    for (const value of values) value.dispose();
  }
}
