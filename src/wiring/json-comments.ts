const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SLASH = 0x2f;
const STAR = 0x2a;
const HASH = 0x23;
const LINE_FEED = 0x0a;
const SPACE = 0x20;

/**
 * JSON with spaces where comments were: from `//` or `#` to the end of the line, and between the marks of a block. Lines
 * stay where they are. A block that does not end is left as it is, for the parser to refuse.
 */
export function withoutComments(bytes: Uint8Array): Uint8Array {
  const text = Uint8Array.from(bytes);
  let at = 0;
  while (at < text.length) {
    if (text[at] === QUOTE) at = behindString(text, at);
    else if (text[at] === HASH || (text[at] === SLASH && text[at + 1] === SLASH))
      at = blank(text, at, endOfLine(text, at));
    else if (text[at] === SLASH && text[at + 1] === STAR) at = blank(text, at, endOfBlock(text, at));
    else at++;
  }
  return text;
}

function behindString(text: Uint8Array, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

function endOfLine(text: Uint8Array, start: number): number {
  const end = text.indexOf(LINE_FEED, start);
  return end < 0 ? text.length : end;
}

function endOfBlock(text: Uint8Array, start: number): number {
  for (let at = start + 2; at + 1 < text.length; at++) if (text[at] === STAR && text[at + 1] === SLASH) return at + 2;
  return start;
}

function blank(text: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) if (text[at] !== LINE_FEED) text[at] = SPACE;
  return Math.max(to, from + 1);
}
