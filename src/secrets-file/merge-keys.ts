import type { SecretsFile } from './secrets-file.ts';

type Version = Pick<SecretsFile, 'header' | 'parameters'>;

/** Three versions of one file; `base` is undefined where both sides made the file anew. */
export interface Versions {
  readonly base: Version | undefined;
  readonly ours: Version;
  readonly theirs: Version;
}

/**
 * Names of sealed values in a merged file that its data key does not open, since they come from a side that has another.
 * `rotate-kek` wraps the same data key anew and leaves the values; `refresh` makes a new one and seals all of them.
 */
export function strangersOf(merged: Version, { base, ours, theirs }: Versions): string[] {
  if (![ours, theirs, merged].some(({ header }) => header.data_key !== undefined)) return [];
  const keyOf = (side: Version) => (base !== undefined && sameKey(base, side) ? base : side).header.data_key;
  const sides = [base, ours, theirs].filter((side) => side !== undefined);
  const source = sides.find(({ header }) => header.data_key === merged.header.data_key);
  const key = source === undefined ? undefined : keyOf(source);
  const opens = ({ name, value }: SecretsFile['parameters'][number]) =>
    sides.some((side) => keyOf(side) === key && holds(side, name, value));
  return merged.parameters.filter((one) => one.sealed && (key === undefined || !opens(one))).map(({ name }) => name);
}

function sameKey(base: Version, side: Version): boolean {
  if (base.header.data_key === side.header.data_key) return true;
  if (side.header.data_key === undefined) return false;
  return base.parameters.some(({ name, value, sealed }) => sealed && holds(side, name, value));
}

function holds({ parameters }: Version, name: string, value: string): boolean {
  return parameters.some((one) => one.sealed && one.name === name && one.value === value);
}
