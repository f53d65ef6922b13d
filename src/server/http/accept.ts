import { KeysteadError } from '../../core/errors.ts';

interface Range {
  readonly type: string;
  readonly quality: number;
}

/**
 * Chooses the media type that the caller likes best (RFC 9110, section 12.5.1). The first offer is the default: for
 * no `Accept`, for wildcards, and where several are liked the same. Throws `not-acceptable` when none is liked.
 *
 * @param offers full media types, lower case.
 */
export function chooseType<Offer extends string>(
  accept: string | undefined,
  offers: readonly [Offer, ...Offer[]],
): Offer {
  if (accept === undefined || accept === '*/*' || accept.trim() === '') return offers[0];
  const ranges = accept.split(',').map(parseRange);
  let best: { offer: Offer; quality: number; precision: number } | undefined;
  for (const offer of offers) {
    const match = matchOf(offer, ranges);
    if (match.quality === 0) continue;
    const better =
      best === undefined ||
      match.quality > best.quality ||
      (match.quality === best.quality && match.precision > best.precision);
    if (better) best = { offer, ...match };
  }
  if (best !== undefined) return best.offer;
  throw new KeysteadError(
    'not-acceptable',
    `this route answers ${offers.join(' or ')}; say so in Accept, or leave it out`,
  );
}

/** The most precise range that fits decides, whatever its quality. */
function matchOf(offer: string, ranges: readonly Range[]): { quality: number; precision: number } {
  const wildcards = ['*/*', `${offer.slice(0, offer.indexOf('/'))}/*`, offer];
  let match = { quality: 0, precision: -1 };
  for (const { type, quality } of ranges) {
    const precision = wildcards.indexOf(type);
    if (precision > match.precision) match = { quality, precision };
  }
  return match;
}

function parseRange(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase());
  const given = parameters.find((parameter) => /^q *=/.test(parameter));
  if (given === undefined) return { type, quality: 1 };
  const quality = /^q=((?:0(?:\.\d{0,3})?)|(?:1(?:\.0{0,3})?))$/.exec(given)?.[1];
  // A quality that cannot be read is no wish at all.
  return { type, quality: quality === undefined ? 0 : Number(quality) };
}
