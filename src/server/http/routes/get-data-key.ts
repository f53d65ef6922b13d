import type { FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { MAX_KEY_LENGTH } from '../../../core/derive.ts';
import { KeysteadError } from '../../../core/errors.ts';
import type { GetDataKey } from '../../../data-keys/data-keys.ts';
import { chooseType } from '../accept.ts';
import { sendSecret } from '../answer.ts';
import { dataKeyJson } from '../data-key-json.ts';
import { DataKeyOptions, dataKeyRequest, explainDataKeyOption } from '../data-key-request.ts';
import { CALLER, problems } from '../docs.ts';
import { DATA_KEY_EXAMPLE } from '../examples.ts';
import { rawQuery } from '../plugins/admission.ts';
import { readQuery, readWholeNumber } from '../query.ts';
import { sendRawDataKey } from '../raw-data-key.ts';
import type { Route } from '../route.ts';
import { DataKeyAnswer, DataKeyId, object } from '../schemas.ts';
import { strict } from '../strict.ts';

const NAMES = ['length', 'version', 'create', 'expect'] as const;
const TYPES = ['application/json', 'application/octet-stream'] as const;
type Options = Static<typeof DataKeyOptions>;

/** `POST /v1/data-keys/{id}/get`: one data key, as JSON or as its bare bytes. */
export const getDataKey: Route = {
  method: 'POST',
  url: '/v1/data-keys/:id/get',
  access: 'caller',
  query: NAMES,
  bodyOptional: true,
  docs: {
    operationId: 'getDataKey',
    summary: 'Get a data key',
    description: [
      'The same id and version give the same key for ever.',
      'A key that is expected is never made: where there is none, `expect` is refused (404), and no new key (`create: "must"`) is ever the expected one (412).',
      'With `Accept: application/octet-stream` the answer is the key itself, and the rest is in `Keystead-…` headers.',
      'Without a body, the same names may stand in the query, each once: `POST /v1/data-keys/volume-1/get?length=32`.',
      'Names in the query beside a body are an error.',
    ].join('\n'),
    tags: ['data-keys'],
    ...CALLER,
    params: object({ id: DataKeyId }),
    body: DataKeyOptions,
    response: {
      200: {
        description: 'The data key.',
        headers: {
          'Keystead-Data-Key-Id': Type.String({
            description: 'The id, percent-encoded; like all of these, of a raw answer.',
          }),
          'Keystead-Length': Type.String({ description: 'Bytes of the key.' }),
          'Keystead-Version': Type.String({ description: 'Send it to get the same key for ever.' }),
          'Keystead-Check': Type.String({ description: 'The check value, base64.' }),
          'Keystead-Created': Type.String({ description: '`true` when this call made the key.' }),
          'Keystead-Source': Type.String({ description: '`derived`, `stored` or `cache`.' }),
        },
        content: {
          'application/json': { schema: DataKeyAnswer, example: DATA_KEY_EXAMPLE },
          'application/octet-stream': { schema: Type.Unsafe({}) },
        },
      },
      ...problems(400, 401, 403, 404, 406, 409, 412, 413, 415, 423, 503),
    },
  },
  handler({ services }) {
    const check = strict(DataKeyOptions, 'the body', explainDataKeyOption);
    return async (request, reply) => {
      const type = chooseType(request.raw.headers.accept, TYPES);
      const key = await services.dataKeys.get(readRequest(request, check), request.call);
      try {
        return type === 'application/json' ? sendSecret(reply, dataKeyJson(key), type) : sendRawDataKey(reply, key);
      } finally {
        key.key.dispose();
      }
    };
  },
};

function readRequest(request: FastifyRequest, check: (value: unknown) => Options): GetDataKey {
  const { id } = request.params as { id: string };
  const query = rawQuery(request);
  if (request.body === undefined) return dataKeyRequest(id, query === '' ? {} : check(readOptions(query)));
  if (query !== '') {
    throw new KeysteadError('bad-request', 'the query has names and there is a body; use one of the two');
  }
  return dataKeyRequest(id, check(request.body));
}

/** The names of the body from the query: the same values, whole numbers in their one decimal form. */
function readOptions(query: string): Record<string, unknown> {
  const { length, version, expect, ...others } = readQuery(query, NAMES);
  return {
    ...others,
    ...(length === undefined ? {} : { length: readWholeNumber(length, 'length', MAX_KEY_LENGTH, 'bad-length') }),
    ...(version === undefined
      ? {}
      : { version: readWholeNumber(version, 'version', Number.MAX_SAFE_INTEGER, 'bad-version') }),
    // No check value has a blank: it was a plus, as base64 has it and an answer gave it.
    ...(expect === undefined ? {} : { expect: expect.replaceAll(' ', '+') }),
  };
}
