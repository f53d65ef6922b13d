import { kekUri } from '../core/uri.ts';
import type { Declaration } from './declaration.ts';

/** Keys of one name in several places, a region each, say: their id is the whole URI, without credentials. */
export function toldApart(declarations: readonly Declaration[]): Declaration[] {
  const times = new Map<string, number>();
  for (const { id } of declarations) times.set(id, (times.get(id) ?? 0) + 1);
  return declarations.map((each) =>
    each.particle || times.get(each.id) === 1 ? each : { ...each, id: kekUri(each.uri) },
  );
}
