import { WIRE, WireReader } from './wire.ts';

type Kind = 'string' | 'uint32';
type Value<K extends Kind> = K extends 'string' ? string : number;
type Own<M> = Omit<M, '$typeName' | '$unknown'>;

/** The fields of a generated message that we read: number and kind, by name. */
export type Fields<M> = {
  readonly [Name in keyof Own<M>]: readonly [number, M[Name & keyof M] extends string ? 'string' : 'uint32'];
};
type Message<F> = {
  -readonly [Name in keyof F]: F[Name] extends readonly [number, infer K extends Kind] ? Value<K> : never;
};

/**
 * Reads one message. Unknown fields, and known ones with another wire type, are passed over; of a field given twice the
 * last value counts; a field not given has its zero value. Throws `bad-message` as `WireReader` does.
 *
 * The schema's own library does this for any message, but it costs 65 ms and 10 MB at start, does not look at wire types
 * and is laxer than Go (docs/decisions): a test holds both to the same answers and the tables to the generated schema.
 */
export function decode<F extends Readonly<Record<string, readonly [number, Kind]>>>(
  fields: F,
  bytes: Uint8Array,
): Message<F> {
  const message: Record<string, string | number> = {};
  for (const name in fields) message[name] = fields[name]?.[1] === 'string' ? '' : 0;
  const reader = new WireReader(bytes);
  while (!reader.done) {
    const { field, wire } = reader.tag();
    const name = nameOf(fields, field, wire);
    if (name === undefined) reader.skip(field, wire);
    else message[name] = wire === WIRE.bytes ? reader.string() : reader.uint32();
  }
  return message as Message<F>;
}

function nameOf(fields: Readonly<Record<string, readonly [number, Kind]>>, field: number, wire: number) {
  for (const name in fields) {
    const row = fields[name];
    if (row?.[0] === field) return wire === (row[1] === 'string' ? WIRE.bytes : WIRE.varint) ? name : undefined;
  }
  return undefined;
}

/**
 * A `bytes` or `string` field, or a message in a message: tag, length, bytes. One allocation, nothing left behind, so
 * that whoever wipes the answer has wiped every copy that was made here.
 *
 * @param field 1 to 15. An empty value is left out, as proto3 does.
 */
export function bytesField(field: number, value: Uint8Array): Buffer {
  if (value.length === 0) return Buffer.alloc(0);
  const size = varintSize(value.length);
  const out = Buffer.alloc(1 + size + value.length);
  out[0] = (field << 3) | WIRE.bytes;
  writeVarint(out, 1, value.length);
  out.set(value, 1 + size);
  return out;
}

/** A numeric field from 0 to 2^31 - 1. @param field 1 to 15. */
export function varintField(field: number, value: number): Buffer {
  if (value === 0) return Buffer.alloc(0);
  const out = Buffer.alloc(1 + varintSize(value));
  out[0] = field << 3;
  writeVarint(out, 1, value);
  return out;
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest > 127; rest >>>= 7) size++;
  return size;
}

function writeVarint(out: Buffer, at: number, value: number): void {
  let rest = value;
  let index = at;
  for (; rest > 127; rest >>>= 7) out[index++] = (rest & 127) | 128;
  out[index] = rest;
}
