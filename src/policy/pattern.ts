import type { Principal } from '../core/call.ts';

/** Values of a principal that a pattern may ask for. */
export const TEMPLATES = ['namespace', 'serviceAccount'] as const;
export type Template = (typeof TEMPLATES)[number];

/** `*`: any run of characters except `/`. `**`: any run of characters. */
type Token = string | { readonly run: 'segment' | 'any' } | { readonly template: Template };

const SEGMENT: Token = { run: 'segment' };
const ANY: Token = { run: 'any' };

/**
 * A set of texts. Literal text, `*`, `**`, and templates such as `{{namespace}}`; a backslash takes the meaning of the
 * character behind it. Texts are compared unit by unit, never normalised: case counts, and so does every accent.
 */
export interface Pattern {
  readonly text: string;
  /** No two literals and no two runs stand side by side. */
  readonly tokens: readonly Token[];
  /** What each text of the set begins with. */
  readonly head: string;
  /** The set has one text: the head. */
  readonly exact: boolean;
  readonly templates: readonly Template[];
}

/** The pattern that a text means, or what is wrong with it, in words that finish the sentence "the pattern …". */
export function parsePattern(text: string): Pattern | { readonly wrong: string } {
  if (text === '') return { wrong: 'must not be empty; ** is everything' };
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const rest = text.slice(at, at + 64);
    const template = /^\{\{([^{}]*)\}\}/.exec(rest);
    if (text[at] === '\\') {
      if (at + 1 === text.length) return { wrong: 'ends in a backslash; write two for one' };
      push(tokens, text[at + 1] as string);
      at += 2;
    } else if (template !== null) {
      const name = TEMPLATES.find((known) => known === template[1]);
      if (name === undefined) return { wrong: `has an unknown template; known are ${TEMPLATES.map(shown).join(', ')}` };
      push(tokens, { template: name });
      at += template[0].length;
    } else if (rest.startsWith('{{')) {
      return { wrong: 'has a {{ that no }} closes; write \\{\\{ for the characters' };
    } else {
      const stars = /^\*+/.exec(rest)?.[0].length ?? 0;
      if (stars > 2) return { wrong: 'has three stars or more in a row; write * or **' };
      push(tokens, stars === 0 ? (text[at] as string) : stars === 1 ? SEGMENT : ANY);
      at += Math.max(stars, 1);
    }
  }
  return patternOf(text, tokens);
}

/** The pattern that matches this text alone. */
export function literally(text: string): string {
  return text.replace(/[\\*{}]/g, '\\$&');
}

/**
 * The pattern with the principal's own values in place of its templates, as literal text. Undefined where the principal
 * has no such value, or one that would reach over a `/` into the names of others.
 */
export function filled(pattern: Pattern, principal: Principal): Pattern | undefined {
  if (pattern.templates.length === 0) return pattern;
  const tokens: Token[] = [];
  for (const token of pattern.tokens) {
    if (typeof token === 'string' || !('template' in token)) {
      push(tokens, token);
      continue;
    }
    const value = principal[token.template];
    if (value === undefined || value === '' || value.includes('/')) return undefined;
    push(tokens, value);
  }
  return patternOf(pattern.text, tokens);
}

/** Whether the text is one of the set. A template matches nothing: fill it first. */
export function matches({ tokens, head, exact }: Pattern, text: string): boolean {
  if (exact) return text === head;
  if (!text.startsWith(head)) return false;
  const rest = head === '' ? tokens : tokens.slice(1);
  if (rest.length === 1) return rest[0] === ANY || (rest[0] === SEGMENT && !text.includes('/', head.length));
  return walk(rest, text, head.length).whole;
}

/** Whether every text that begins with `prefix` is one of the set. */
export function covers(pattern: Pattern, prefix: string): boolean {
  return isOpenEnded(pattern.tokens) && matches(pattern, prefix);
}

/** Whether any text that begins with `prefix` is one of the set. */
export function meets({ tokens, head, exact }: Pattern, prefix: string): boolean {
  if (prefix.length <= head.length) return head.startsWith(prefix);
  if (exact || !prefix.startsWith(head)) return false;
  return walk(head === '' ? tokens : tokens.slice(1), prefix, head.length).begun;
}

/** Whether every text of `inner` is surely one of `outer`; false where that is hard to tell. */
export function contains(outer: Pattern, inner: Pattern): boolean {
  if (outer.text === inner.text) return true;
  if (outer.templates.length > 0 || inner.templates.length > 0) return templatesContain(outer, inner);
  if (inner.exact) return matches(outer, inner.head);
  return covers(outer, inner.head);
}

/** With templates, a token behind a common beginning decides: `{{namespace}}/**` holds `{{namespace}}/db/*`. */
function templatesContain(outer: Pattern, inner: Pattern): boolean {
  if (outer.tokens.length === 1 && outer.tokens[0] === ANY) return true;
  const last = outer.tokens.length - 1;
  if (outer.tokens[last] !== ANY) return false;
  return outer.tokens.slice(0, last).every((token, at) => {
    const other = inner.tokens[at];
    if (typeof token !== 'string') return sameToken(token, other);
    return typeof other === 'string' && (at === last - 1 ? other.startsWith(token) : other === token);
  });
}

function sameToken(a: Token | undefined, b: Token | undefined): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * A set that holds, with a text, all its continuations: behind its last `**` there is nothing, or a number of slashes
 * with a `*` after each. No other pattern holds all continuations of anything: some continuation has too many slashes,
 * or ends in no character of the pattern.
 */
function isOpenEnded(tokens: readonly Token[]): boolean {
  const tail = tokens.slice(tokens.lastIndexOf(ANY) + 1);
  return (
    tokens.includes(ANY) && tail.every((token, at) => token === (at % 2 === 0 ? '/' : SEGMENT)) && tail.length % 2 === 0
  );
}

/**
 * Takes the tokens one by one and keeps the places of the text where the next one may begin: no more steps than tokens
 * times characters, whatever the text.
 */
function walk(tokens: readonly Token[], text: string, from: number): { whole: boolean; begun: boolean } {
  let places = [from];
  let begun = false;
  for (const token of tokens) {
    // Where the text ends, the tokens that are left could go on.
    begun ||= places.at(-1) === text.length;
    const next = typeof token === 'string' ? afterLiteral(token, text, places) : afterRun(token, text, places);
    if (typeof token === 'string')
      begun ||= places.some((place) => text.length - place <= token.length && token.startsWith(text.slice(place)));
    places = next;
    if (places.length === 0) return { whole: false, begun };
  }
  const whole = places.at(-1) === text.length;
  return { whole, begun: begun || whole };
}

function afterLiteral(literal: string, text: string, places: readonly number[]): number[] {
  return places.filter((place) => text.startsWith(literal, place)).map((place) => place + literal.length);
}

/** Every place that a run from one of these places may end at, each once and in order. */
function afterRun(token: Token, text: string, places: readonly number[]): number[] {
  if (token !== SEGMENT && token !== ANY) return [];
  const found: number[] = [];
  let end = token === ANY ? text.length : -1;
  for (const place of places) {
    if (place > end) {
      const slash = text.indexOf('/', place);
      end = slash === -1 ? text.length : slash;
    }
    for (let at = Math.max(place, (found.at(-1) ?? -1) + 1); at <= end; at++) found.push(at);
  }
  return found;
}

function push(tokens: Token[], token: Token): void {
  const last = tokens.at(-1);
  if (typeof token === 'string' && typeof last === 'string') {
    tokens[tokens.length - 1] = last + token;
  } else {
    tokens.push(token);
  }
}

function patternOf(text: string, tokens: readonly Token[]): Pattern {
  const [first] = tokens;
  const head = typeof first === 'string' ? first : '';
  const templates = tokens.flatMap((token) =>
    typeof token !== 'string' && 'template' in token ? [token.template] : [],
  );
  return { text, tokens, head, exact: tokens.length === 1 && head !== '', templates };
}

function shown(template: Template): string {
  return `{{${template}}}`;
}
