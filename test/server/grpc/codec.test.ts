import { create, type DescMessage, fromBinary, ScalarType, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import t from 'tap';
import { KeysteadError } from '../../../src/core/errors.ts';
import { HealthCheckRequestSchema } from '../../../src/gen/grpc/health/v1/health_pb.ts';
import { GetDataKeyRequestSchema, GetDataKeyResponseSchema } from '../../../src/gen/kms/kms_pb.ts';
import { bytesField, decode, varintField } from '../../../src/server/grpc/codec.ts';
import { HEALTH_CHECK } from '../../../src/server/grpc/health.ts';
import { GET_DATA_KEY } from '../../../src/server/grpc/kms.ts';
import { holds } from '../../support/property.ts';

const id = fc.string({ unit: 'binary', maxLength: 300 });
const length = fc.nat({ max: 2 ** 32 - 1 });

t.test('our field tables are those of the schema', async (t) => {
  const KINDS: Partial<Record<ScalarType, string>> = { [ScalarType.STRING]: 'string', [ScalarType.UINT32]: 'uint32' };
  const table = (schema: DescMessage) =>
    Object.fromEntries(
      schema.fields.map((field) => [
        field.localName,
        [field.number, field.fieldKind === 'scalar' ? KINDS[field.scalar] : undefined],
      ]),
    );
  t.same(GET_DATA_KEY, table(GetDataKeyRequestSchema));
  t.same(HEALTH_CHECK, table(HealthCheckRequestSchema));
});

t.test('what the schema writes, we read', async (t) => {
  await holds(
    t,
    fc.property(id, length, (dataKeyId, length) => {
      const bytes = toBinary(GetDataKeyRequestSchema, create(GetDataKeyRequestSchema, { dataKeyId, length }));
      const read = decode(GET_DATA_KEY, bytes);
      return read.dataKeyId === dataKeyId && read.length === length;
    }),
  );
});

t.test('what we write is what the schema writes', async (t) => {
  await holds(
    t,
    fc.property(fc.uint8Array({ maxLength: 20_000 }), (dataKey) => {
      const wanted = toBinary(GetDataKeyResponseSchema, create(GetDataKeyResponseSchema, { dataKey }));
      return Buffer.from(wanted).equals(bytesField(1, dataKey));
    }),
  );
  await holds(
    t,
    fc.property(fc.nat({ max: 2 ** 31 - 1 }), (length) => {
      const wanted = toBinary(GetDataKeyRequestSchema, create(GetDataKeyRequestSchema, { length }));
      return Buffer.from(wanted).equals(varintField(2, length));
    }),
  );
});

t.test('hostile bytes give a message or bad-message, nothing else, and never more than the schema reads', async (t) => {
  const valid = fc
    .tuple(id, length)
    .map(([dataKeyId, length]) =>
      toBinary(GetDataKeyRequestSchema, create(GetDataKeyRequestSchema, { dataKeyId, length })),
    );
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc.tuple(valid, fc.nat(), fc.nat({ max: 255 })).map(([bytes, at, byte]) => {
      const changed = Uint8Array.from(bytes);
      if (changed.length > 0) changed[at % changed.length] = byte;
      return changed;
    }),
    fc.tuple(valid, fc.nat()).map(([bytes, cut]) => bytes.subarray(0, cut % (bytes.length + 1))),
  );
  await holds(
    t,
    fc.property(hostile, (bytes) => {
      let read: { dataKeyId: string; length: number };
      try {
        read = decode(GET_DATA_KEY, bytes);
      } catch (error) {
        return error instanceof KeysteadError && error.reason === 'bad-message';
      }
      // Where the schema's reader looks at a field of another wire type, or stops at one, there is nothing to compare.
      if (!/^(0a|10)*$/.test(tagsOf(bytes))) return true;
      const theirs = fromBinary(GetDataKeyRequestSchema, bytes);
      return read.dataKeyId === theirs.dataKeyId && read.length === theirs.length;
    }),
    { numRuns: 2000 },
  );
});

/** The tags of a message of one-byte tags, `?` where it is not one. */
function tagsOf(bytes: Uint8Array): string {
  let tags = '';
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at++];
    if (tag !== 0x0a && tag !== 0x10) return '?';
    tags += tag.toString(16).padStart(2, '0');
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) break;
    }
    if (tag === 0x0a) at += value;
  }
  return tags;
}
