import type { Call } from '../core/call.ts';
import { assertSealable } from './limits.ts';
import type { Pace } from './paced.ts';
import { encryptedSpelling } from './parameter-type.ts';
import { type Changes, rewrite } from './rewrite.ts';
import type { Sealer } from './sealer.ts';
import type { SecretsFile } from './secrets-file.ts';
import { openAll, sealAll } from './values.ts';

/** Opens every secret and seals it anew, so that all are under the key that `to` has. */
export async function refresh(
  file: SecretsFile,
  deps: {
    readonly from: Sealer;
    readonly to: Sealer;
    readonly header: Changes['header'] & object;
    readonly pace: Pace;
  },
  call: Call,
): Promise<string> {
  assertSealable(
    file,
    file.parameters.filter(({ secret, sealed }) => secret && !sealed),
  );
  const places = [...file.parameters.entries()].filter(([, { secret }]) => secret);
  const values = await openAll(
    places.map(([, parameter]) => parameter),
    deps.from,
    deps.pace,
    call,
  );
  try {
    const named = places.map(([, { name }], at) => ({ name, value: values[at] as (typeof values)[number] }));
    const sealed = await sealAll(named, deps.to, deps.pace, call);
    const texts = new Map(places.map(([index], at) => [index, sealed[at] as string]));
    const parameters = new Map(
      file.parameters.map((parameter, index) => {
        const value = texts.get(index);
        return [index, { type: encryptedSpelling(parameter), ...(value === undefined ? {} : { value }) }];
      }),
    );
    return rewrite(file, { parameters, header: deps.header });
  } finally {
    for (const value of values) value.dispose();
  }
}
