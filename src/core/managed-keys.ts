import type { ManagedKey } from './key-admin.ts';

/** Order by creation, then by id: whoever chooses among the same keys chooses the same one. */
export function oldestFirst(one: ManagedKey, other: ManagedKey): number {
  const age = (one.createdAt?.getTime() ?? 0) - (other.createdAt?.getTime() ?? 0);
  return age === 0 ? (one.id < other.id ? -1 : 1) : age;
}
