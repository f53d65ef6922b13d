import type { Call } from '../core/call.ts';
import type { ParameterStore } from '../core/parameters.ts';
import type { SecretBytes } from '../core/secret-bytes.ts';
import { assertStorable, labelsOf } from './limits.ts';
import type { Pace } from './paced.ts';
import type { WantedParameter } from './plan.ts';
import type { Sealer } from './sealer.ts';
import { type Parameter, type SecretsFile, shown, storePath } from './secrets-file.ts';
import { openAll } from './values.ts';

/** Where each parameter lies in the store, in the order of the file. Throws where two would lie at one place. */
export function placesOf(file: SecretsFile, store: Pick<ParameterStore, 'place'>): string[] {
  const names = new Map<string, string>();
  return file.parameters.map(({ name, line }) => {
    const place = store.place(storePath(file), name);
    const before = names.get(place);
    if (before !== undefined) {
      throw file.fail(
        `parameters ${shown(before)} and ${shown(name)} would both be ${shown(place)} in the store`,
        line,
      );
    }
    names.set(place, name);
    return place;
  });
}

/**
 * What the file wants in the store, secrets opened. What the store of AWS would refuse is refused here, before anything
 * is written. The caller disposes the values.
 */
export async function wantedOf(
  file: SecretsFile,
  deps: { readonly store: ParameterStore; readonly sealer: Sealer; readonly pace: Pace },
  call: Call,
): Promise<WantedParameter[]> {
  const places = placesOf(file, deps.store);
  const aws = deps.store.keeps.has('tier');
  // Once with what can be told without a key, so that no call is made for a file that is refused anyway.
  if (aws)
    assertStorable(
      file,
      file.parameters.map(({ value, sealed }) => (sealed ? 1 : Buffer.byteLength(value))),
    );
  const values = await openAll(file.parameters, deps.sealer, deps.pace, call);
  try {
    if (aws)
      assertStorable(
        file,
        values.map(({ length }) => length),
      );
    return file.parameters.map((_, index) =>
      wanted(file, index, places[index] as string, values[index] as SecretBytes),
    );
  } catch (error) {
    for (const value of values) value.dispose();
    throw error;
  }
}

function wanted(file: SecretsFile, index: number, place: string, value: SecretBytes): WantedParameter {
  const parameter = file.parameters[index] as Parameter;
  const { name, description, storeType, extras } = parameter;
  const key = file.header.kmskey;
  const { tier, policies } = extras;
  const labels = labelsOf(parameter);
  return {
    name,
    place,
    parameter: {
      value,
      type: storeType,
      description,
      ...(storeType === 'SecureString' && key !== undefined ? { key } : {}),
      ...(file.tags === undefined ? {} : { tags: file.tags }),
      ...(tier === undefined ? {} : { tier }),
      ...(policies === undefined ? {} : { policies }),
      ...(labels === undefined ? {} : { labels }),
    },
  };
}
