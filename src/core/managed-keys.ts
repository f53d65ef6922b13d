import { KeysteadError } from './errors.ts';
import type { KeySpec, ManagedKey } from './key-admin.ts';

/** Order by creation, then by id: whoever chooses among the same keys chooses the same one. */
export function oldestFirst(one: ManagedKey, other: ManagedKey): number {
  const age = (one.createdAt?.getTime() ?? 0) - (other.createdAt?.getTime() ?? 0);
  return age === 0 ? (one.id < other.id ? -1 : 1) : age;
}

/**
 * Throws `not-supported` for what a provider does not have.
 *
 * @param lacks fields that it does not know at all.
 * @param has the values that it knows of the others.
 */
export function refuseWhatIsMissing(
  provider: string,
  spec: KeySpec,
  lacks: readonly (keyof KeySpec)[],
  has: Partial<Record<keyof KeySpec, readonly unknown[]>>,
): void {
  const missing = lacks.find((field) => spec[field] !== undefined && spec[field] !== false);
  if (missing !== undefined) {
    throw new KeysteadError('not-supported', `${provider} has no ${missing} of a key; leave it out of the declaration`);
  }
  for (const [field, values] of Object.entries(has) as [keyof KeySpec, readonly unknown[]][]) {
    if (spec[field] === undefined || values.includes(spec[field])) continue;
    throw new KeysteadError(
      'not-supported',
      `${provider} has no ${field} ${spec[field]}; give one of ${values.join(', ')}`,
    );
  }
}
