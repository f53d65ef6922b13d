import type { Conditions } from './conditions.ts';
import { contains } from './pattern.ts';
import type { Rule, Subject } from './rule.ts';
import type { TextSet } from './text-set.ts';

/** Whether `outer` surely applies wherever `inner` does. False where that is hard to tell. */
export function ruleContains(outer: Rule, inner: Rule): boolean {
  return (
    (inner.actions & ~outer.actions) === 0 &&
    resourcesContain(outer.resources, inner.resources) &&
    inner.subjects.every((one) => outer.subjects.some((other) => subjectContains(other, one, outer.effect))) &&
    conditionsContain(outer.conditions ?? {}, inner.conditions ?? {})
  );
}

/** Whether the set holds every text. */
export function isEverything(set: TextSet | undefined): boolean {
  return set?.patterns.some(({ text }) => text === '**') === true;
}

function resourcesContain(outer: TextSet | undefined, inner: TextSet | undefined): boolean {
  return outer === undefined || isEverything(outer) || setContains(outer, inner);
}

function setContains(outer: TextSet | undefined, inner: TextSet | undefined): boolean {
  if (outer === undefined) return true;
  return inner?.patterns.every((one) => outer.patterns.some((other) => contains(other, one))) === true;
}

function subjectContains(outer: Subject, inner: Subject, effect: Rule['effect']): boolean {
  if (outer.kind === undefined ? effect === 'allow' && inner.kind === 'anonymous' : outer.kind !== inner.kind)
    return false;
  // Everybody has a name; not everybody has a group or a namespace.
  if (!isEverything(outer.names) && !setContains(outer.names, inner.names)) return false;
  return setContains(outer.groups, inner.groups) && setContains(outer.namespaces, inner.namespaces);
}

function conditionsContain(outer: Conditions, inner: Conditions): boolean {
  const { maxLength = Number.POSITIVE_INFINITY, listeners, context = [], time } = outer;
  if ((inner.maxLength ?? Number.POSITIVE_INFINITY) > maxLength) return false;
  if (listeners !== undefined && !(inner.listeners && [...inner.listeners].every((one) => listeners.has(one))))
    return false;
  const known = new Map(inner.context ?? []);
  const bound = context.every(([name, value]) => {
    const own = known.get(name);
    return own !== undefined && contains(value, own);
  });
  return bound && (time === undefined || sameWindow(time, inner.time));
}

function sameWindow(a: Conditions['time'], b: Conditions['time']): boolean {
  const plain = (window: Conditions['time']) => JSON.stringify({ ...window, days: [...(window?.days ?? [])].sort() });
  return b !== undefined && plain(a) === plain(b);
}
