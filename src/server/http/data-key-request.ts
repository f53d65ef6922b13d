import { type Static, Type } from 'typebox';
import { assertDataKeyId } from '../../core/data-key-id.ts';
import { assertKeyLength } from '../../core/derive.ts';
import { fromBase64 } from '../../core/encoding.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { GetDataKey } from '../../data-keys/data-keys.ts';
import { CREATE_MODES, Create, Expect, Length, object, Version } from './schemas.ts';
import type { Explain } from './strict.ts';

/** What a call for a data key may say besides the id. */
export const DataKeyOptions = object(
  {
    length: Type.Optional(Length),
    version: Type.Optional(Version),
    create: Type.Optional(Create),
    expect: Type.Optional(Expect),
  },
  { examples: [{ length: 32 }, {}] },
);

const DEFAULT_LENGTH = 32;

/** The request that the rooms understand: what was left out is filled in here, and only here. */
export function dataKeyRequest(id: string, options: Static<typeof DataKeyOptions>): GetDataKey {
  const { length = DEFAULT_LENGTH, version, create = 'if-missing', expect } = options;
  return {
    id,
    length,
    create,
    ...(version === undefined ? {} : { version }),
    ...(expect === undefined ? {} : { expect: fromBase64(expect, 'bad-request', 'expect') }),
  };
}

/** Says of a refused member what the room would say, which is more than a schema can. */
export const explainDataKeyOption: Explain = (member, value) => {
  switch (member) {
    case 'dataKeyId':
      return messageOf(() => assertDataKeyId(value));
    case 'length':
      return messageOf(() => assertKeyLength(value));
    case 'version':
      return 'version must be a whole number from 1 on, as an earlier answer gave it';
    case 'create':
      return `create must be one of ${CREATE_MODES.map((mode) => `"${mode}"`).join(', ')}`;
    case 'expect':
      return 'expect must be a check value: 16 bytes, as base64 or base64url';
    default:
      return undefined;
  }
};

function messageOf(check: () => void): string | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    return KeysteadError.from(error).message;
  }
}
