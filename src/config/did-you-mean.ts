import { nearestName } from '../core/nearest-name.ts';

/** `; did you mean X?`, or nothing when no known name is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  const found = nearestName(name.slice(0, 64), known);
  return found === undefined ? '' : `; did you mean ${found}?`;
}
