import { KeysteadError } from '../../core/errors.ts';

const SHOWN = 40;

/**
 * Reads the query of a request target, as forms write it (`+` is a space): each name once, no name but those. Throws
 * `bad-request`, also for malformed percent-encoding and invalid UTF-8.
 *
 * @param raw what stands behind the question mark.
 */
export function readQuery<Name extends string>(raw: string, names: readonly Name[]): { readonly [K in Name]?: string } {
  const values: { [K in Name]?: string } = {};
  if (raw === '') return values;
  for (const pair of raw.split('&')) {
    const equals = pair.indexOf('=');
    const given = decode(equals === -1 ? pair : pair.slice(0, equals));
    const name = names.find((known) => known === given);
    if (name === undefined) throw unknownName(given, names);
    if (values[name] !== undefined) throw new KeysteadError('bad-request', `${name} stands twice in the query`);
    values[name] = equals === -1 ? '' : decode(pair.slice(equals + 1));
  }
  return values;
}

/**
 * A whole number from 1 to `most` in its one decimal form. Throws `bad-request`, or the reason given.
 *
 * @param what names the value in the error text.
 */
export function readWholeNumber(
  text: string,
  what: string,
  most: number,
  reason: 'bad-request' | 'bad-length' | 'bad-version' = 'bad-request',
): number {
  const wellFormed = /^(?:0|[1-9]\d*)$/.test(text);
  const value = wellFormed ? Number(text) : Number.NaN;
  // What Number rounds is beyond every safe `most`.
  if (value >= 1 && value <= most) return value;
  const flaw = wellFormed ? `, not ${cut(text)}` : ' in decimal digits';
  throw new KeysteadError(reason, `${what} must be a whole number from 1 to ${most}${flaw}`);
}

function cut(text: string): string {
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    throw new KeysteadError('bad-request', 'the query has malformed percent-encoding or is not UTF-8');
  }
}

function unknownName(given: string, names: readonly string[]): KeysteadError {
  const known = names.length === 0 ? 'this route takes none' : `known are ${names.join(', ')}`;
  return new KeysteadError(
    'bad-request',
    `the query has an unknown name ${JSON.stringify(given.slice(0, SHOWN))}; ${known}`,
  );
}
