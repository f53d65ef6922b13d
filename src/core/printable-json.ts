/** Nearly every text has nothing else, and is not looked at any closer. */
const BEYOND_ASCII = /[^\n -~]/;
/** Controls of the second kind, marks that turn the direction of writing, what other readers take for the end of a line. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * A value as JSON in which whatever cannot be seen is escaped: it reads back as the same value, stands in one line for
 * every reader of lines, and says nothing to a terminal. `JSON.stringify` leaves U+007F to U+009F, U+2028 and their kin
 * as they are (RFC 8259 asks for no more).
 *
 * @param indent spaces of each level; absent: one line.
 */
export function printableJson(value: unknown, indent?: number): string {
  const json = JSON.stringify(value, null, indent);
  return BEYOND_ASCII.test(json) ? json.replace(UNSEEN, escaped) : json;
}

/** A line end is there only where the layout has put it. */
function escaped(character: string): string {
  if (character === '\n') return character;
  let text = '';
  for (let at = 0; at < character.length; at++) {
    text += `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
  }
  return text;
}
