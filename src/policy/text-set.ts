import type { Principal } from '../core/call.ts';
import { covers, filled, matches, meets, type Pattern } from './pattern.ts';

/** Texts that any of several patterns matches. Many of them that are literal text cost no more than one. */
export interface TextSet {
  readonly patterns: readonly Pattern[];
  readonly literal: ReadonlySet<string>;
  /** The others. */
  readonly open: readonly Pattern[];
}

export function textSet(patterns: readonly Pattern[]): TextSet {
  const literal = new Set(patterns.filter(({ exact }) => exact).map(({ head }) => head));
  return { patterns, literal, open: patterns.filter(({ exact }) => !exact) };
}

/** @param principal whose values the templates are filled with. */
export function hasText({ literal, open }: TextSet, text: string, principal: Principal): boolean {
  return literal.has(text) || some(open, principal, text, matches);
}

/** One pattern holds every text that begins so. */
export function coversPrefix({ open }: TextSet, prefix: string, principal: Principal): boolean {
  return some(open, principal, prefix, covers);
}

/** One pattern holds a text that begins so. */
export function meetsPrefix({ patterns }: TextSet, prefix: string, principal: Principal): boolean {
  return some(patterns, principal, prefix, meets);
}

function some(
  patterns: readonly Pattern[],
  principal: Principal,
  text: string,
  test: (pattern: Pattern, text: string) => boolean,
): boolean {
  for (const pattern of patterns) {
    const own = filled(pattern, principal);
    if (own !== undefined && test(own, text)) return true;
  }
  return false;
}
