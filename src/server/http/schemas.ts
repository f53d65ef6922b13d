import { Type } from 'typebox';
import { MAX_ID_LENGTH } from '../../core/data-key-id.ts';
import { MAX_KEY_LENGTH } from '../../core/derive.ts';
import { MAX_TOKEN_LENGTH } from '../../core/page-token.ts';

/** The words of the API, as JSON Schema: used to check requests and to write the OpenAPI document. */

const STANDARD = 'A-Za-z0-9+/';
const URL_SAFE = 'A-Za-z0-9_-';
// The last character of a group that is not full has bits to spare; they must be zero.
const LAST_OF_TWO = '[AQgw]';
const LAST_OF_THREE = '[AEIMQUYcgkosw048]';

/**
 * What `fromBase64` takes, as a pattern: base64 or base64url, padded or not, of at least so many bytes.
 *
 * @param exactly no more bytes than that.
 */
export function base64Pattern(minBytes: number, exactly = false): string {
  return `^(?:${[STANDARD, URL_SAFE].map((alphabet) => alternative(alphabet, minBytes, exactly)).join('|')})$`;
}

function alternative(alphabet: string, minBytes: number, exactly: boolean): string {
  const groups = Math.floor(minBytes / 3);
  const any = `[${alphabet}]`;
  const one = `${any}${LAST_OF_TWO}(?:==)?`;
  const two = `${any}{2}${LAST_OF_THREE}=?`;
  const rest = { 0: '', 1: one, 2: two }[minBytes % 3] as string;
  if (exactly) return `(?:${any}{4}){${groups}}${rest}`;
  const tails = { 0: [one, two, ''], 1: [one, two], 2: [two] }[minBytes % 3] as string[];
  const longer = `(?:${any}{4})+(?:${one}|${two})?`;
  return `(?:${any}{4}){${groups}}(?:${[longer, ...tails].join('|')})`;
}

export const object = <T extends Parameters<typeof Type.Object>[0]>(
  properties: T,
  options: Parameters<typeof Type.Object>[1] = {},
) => Type.Object(properties, { additionalProperties: false, ...options });

export const DataKeyId = Type.String({
  minLength: 1,
  maxLength: MAX_ID_LENGTH,
  description: '1 to 4096 bytes of UTF-8, any character; compared bytewise, never normalised.',
  examples: ['volume-1'],
});

export const Length = Type.Integer({
  minimum: 1,
  maximum: MAX_KEY_LENGTH,
  default: 32,
  description: 'Bytes of the data key.',
  examples: [32],
});

export const Version = Type.Integer({
  minimum: 1,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'The version that an earlier answer gave; the newest when absent.',
  examples: [1],
});

export const CREATE_MODES = ['if-missing', 'never', 'must'] as const;
export const Create = Type.Enum([...CREATE_MODES], {
  default: 'if-missing',
  description:
    'What to do when there is no data key of that id: make one, refuse (404), or insist that there is none yet (409).',
});

/** Bytes of a check value. */
const CHECK_LENGTH = 16;
export const Expect = Type.String({
  pattern: base64Pattern(CHECK_LENGTH, true),
  description:
    'The check value of the key that is expected, base64 or base64url; another key is refused (412), and none is made.',
  examples: ['y8jyOrxWbLHAUUAVwiJn2g=='],
});

const bytes = (description: string, examples: string[]) =>
  Type.String({ contentEncoding: 'base64', description, examples });

export const DataKeyAnswer = object({
  dataKeyId: Type.String({ description: 'The id that was asked for.' }),
  dataKey: bytes('The key, standard base64 with padding.', []),
  length: Type.Integer({ description: 'Bytes of the data key.' }),
  version: Type.Integer({ description: 'Send it to get the same key for ever.' }),
  check: bytes('16 bytes derived from the key, one-way: store it beside the volume and send it as `expect`.', []),
  created: Type.Boolean({ description: 'True when this call made the key.' }),
  source: Type.Enum(['derived', 'stored', 'cache'], { description: 'Where the key came from.' }),
});

export const Etag = Type.String({
  description:
    'Changes with every change of the record; `If-Match` takes it, in quotes. Absent for derived keys, which never change.',
});

/** For the answers that tell of one data key. */
export const ETAG_HEADER = {
  ETag: Type.String({ description: 'The `etag` of the answer, in quotes; absent for derived keys.' }),
};

export const DataKeyInfoAnswer = object({
  dataKeyId: Type.String({ description: 'The id of the data key.' }),
  version: Type.Integer({ description: 'The newest version.' }),
  source: Type.Enum(['derived', 'stored']),
  state: Type.Enum(['active', 'pending-deletion'], { description: 'Nobody gets a key that is pending deletion.' }),
  length: Type.Optional(Type.Integer({ description: 'Bytes; absent for derived keys, which have every length.' })),
  kek: Type.String({ description: 'URI of the key-encryption key, without credentials.' }),
  kekVersion: Type.String(),
  createdAt: Type.Optional(Type.String({ format: 'date-time' })),
  purgeAt: Type.Optional(
    Type.String({ format: 'date-time', description: 'When a key that is pending deletion is gone for good.' }),
  ),
  etag: Type.Optional(Etag),
});

export const MAX_PAGE_SIZE = 1000;
export const PageSize = Type.Integer({
  minimum: 1,
  maximum: MAX_PAGE_SIZE,
  default: 100,
  description: 'Data keys of a page at most.',
});
export const PageToken = Type.String({
  pattern: '^[A-Za-z0-9_-]+$',
  maxLength: MAX_TOKEN_LENGTH,
  description: '`nextPageToken` of the page before: good for the same request by the same caller alone.',
});
export const NextPageToken = Type.Optional(
  Type.String({ description: 'Where the next page begins; absent on the last one.' }),
);

export const KekAnswer = object({
  version: Type.Integer(),
  fingerprint: Type.String({
    pattern: '^[0-9a-f]{32}$',
    description: 'Derived one-way from master secret and salt: safe to print and to compare.',
  }),
});

/** RFC 9457. */
export const Problem = object(
  {
    type: Type.String({ description: '`urn:keystead:problem:` and the reason.' }),
    title: Type.String(),
    status: Type.Integer({ minimum: 400, maximum: 599 }),
    detail: Type.String({ description: 'What happened, to what, and what to do next.' }),
    instance: Type.String({ description: '`urn:keystead:audit:` and the audit id of the request.' }),
    code: Type.String({ description: 'One of the canonical gRPC codes, in lower case.' }),
    reason: Type.String({ description: 'A stable word; act on it, never on the texts.' }),
    retryable: Type.Boolean({ description: 'Whether trying again can help.' }),
  },
  { description: 'A failure, as RFC 9457 writes it.' },
);
