import t from 'tap';
import { decode } from '../../../src/server/grpc/codec.ts';
import { GET_DATA_KEY } from '../../../src/server/grpc/kms.ts';
import { failure } from '../../support/failure.ts';

const read = (hex: string) => decode(GET_DATA_KEY, Buffer.from(hex.replaceAll(' ', ''), 'hex'));

t.test('what Go reads, we read alike', async (t) => {
  for (const [what, hex, dataKeyId, length] of [
    ['an empty message', '', '', 0],
    ['both fields', '0a0161 1020', 'a', 32],
    ['fields in any order', '1020 0a0161', 'a', 32],
    ['the last of a repeated field', '0a0161 0a0162 1001 1002', 'b', 2],
    ['a byte-order mark is part of the id', '0a04efbbbf61', '\ufeffa', 0],
    ['NUL is part of the id', '0a03610062', 'a\0b', 0],
    ['an unknown varint', '1805 0a0161', 'a', 0],
    ['unknown fixed fields', '19 0102030405060708 1d 01020304 0a0161', 'a', 0],
    ['unknown bytes', '1a03616263 0a0161', 'a', 0],
    ['an unknown group, groups inside', '1b 0801 23 24 1c 0a0161', 'a', 0],
    ['the id with the type of a number is unknown', '0805 1020', '', 32],
    ['the length with the type of a string is unknown', '0a0161 120161', 'a', 0],
    ['the id as a group is unknown', '0b0c 1020', '', 32],
    ['a length above 32 bits is cut off', '10 a0 80 80 80 90 01', '', 32],
    ['a length of ten bytes', '10 ff ff ff ff ff ff ff ff ff 01', '', 4_294_967_295],
    ['a number that is longer than it need be', '10 a0 80 80 80 00', '', 32],
    ['a tag that is longer than it need be', '8a 00 01 61', 'a', 0],
    ['the greatest field number', 'f8 ff ff ff 0f 01', '', 0],
  ] as const) {
    t.same(read(hex), { dataKeyId, length }, what);
  }
});

t.test('what Go refuses, we refuse', async (t) => {
  for (const [what, hex] of [
    ['a tag alone', '0a'],
    ['a string cut short', '0a0261'],
    ['a number cut short', '1080'],
    ['a tag cut short', '80'],
    ['a fixed field cut short', '19 01020304'],
    ['a number of eleven bytes', '10 ff ff ff ff ff ff ff ff ff ff 01'],
    ['a number beyond 64 bits', '10 ff ff ff ff ff ff ff ff ff 02'],
    ['field number 0', '0001'],
    ['a field number beyond 2^29 - 1', '80 80 80 80 10 01'],
    ['wire type 6', '1e'],
    ['wire type 7', '1f'],
    ['the end of a group that did not begin', '1c'],
    ['a group that ends as another', '1b24'],
    ['a group that does not end', '1b0801'],
    ['a string longer than any message', '0affffffffffffffffff01'],
    ['an unknown field cut short', '1a05616263'],
    ['invalid UTF-8', '0a01ff'],
    ['UTF-8 longer than it need be', '0a02c080'],
    ['a surrogate in UTF-8', '0a03eda080'],
    ['invalid UTF-8 that a later id replaces', '0a01ff 0a0161'],
  ] as const) {
    t.throws(() => read(hex), failure('bad-message'), what);
  }
});

t.test('groups may be nested as deeply as Go follows, and no deeper', async (t) => {
  const nested = (depth: number) => Buffer.concat([Buffer.alloc(depth, 0x1b), Buffer.alloc(depth, 0x1c)]);
  t.same(decode(GET_DATA_KEY, nested(10_001)), { dataKeyId: '', length: 0 });
  t.throws(() => decode(GET_DATA_KEY, nested(10_002)), failure('bad-message'));
  t.throws(() => decode(GET_DATA_KEY, Buffer.alloc(4 * 1024 * 1024, 0x1b)), failure('bad-message'));
});
