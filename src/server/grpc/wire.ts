import { isUtf8 } from 'node:buffer';
import { KeysteadError } from '../../core/errors.ts';

/** Wire types of protobuf's binary form. */
export const WIRE = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

/** A field number that a message may have, and one that may stand inside a group that nobody reads. */
const MAX_FIELD = 2 ** 29 - 1;
const MAX_SKIPPED_FIELD = 2 ** 31 - 1;
/** Groups in groups, as deep as Go's protobuf follows them. */
const MAX_DEPTH = 10_000;

/**
 * Reads protobuf's binary form as strictly as Go's `proto.Unmarshal`, which Constellation's key service runs on: what one
 * refuses, the other refuses, so no two messages that differ there can mean one key here.
 *
 * Throws `bad-message` on everything cut short, on varints beyond 64 bits, on field numbers and wire types that do not
 * exist, on groups that do not match, and on strings that are not UTF-8.
 */
export class WireReader {
  readonly #bytes: Buffer;
  #at = 0;
  #low = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Field number and wire type of the next field. */
  tag(): { field: number; wire: number } {
    return this.#tag(MAX_FIELD);
  }

  /** The low 32 bits of a varint: protobuf cuts a longer one off. */
  uint32(): number {
    this.#varint();
    return this.#low;
  }

  /** A string as it was sent: a leading byte-order mark is part of it. */
  string(): string {
    const bytes = this.#take(this.#varint());
    if (!isUtf8(bytes)) throw malformed('a string is not valid UTF-8');
    return bytes.toString('utf8');
  }

  /** Passes over the value of a field that was just named by its tag. */
  skip(field: number, wire: number): void {
    const groups: number[] = [];
    let next = { field, wire };
    for (;;) {
      if (next.wire === WIRE.startGroup) {
        groups.push(next.field);
        if (groups.length > MAX_DEPTH + 1) throw malformed('groups are nested too deeply');
      } else if (next.wire === WIRE.endGroup) {
        if (groups.pop() !== next.field) throw malformed('a group does not end where it should');
      } else this.#skipScalar(next.wire);
      if (groups.length === 0) return;
      next = this.#tag(MAX_SKIPPED_FIELD);
    }
  }

  #skipScalar(wire: number): void {
    if (wire === WIRE.varint) this.#varint();
    else if (wire === WIRE.fixed64) this.#take(8);
    else if (wire === WIRE.fixed32) this.#take(4);
    else if (wire === WIRE.bytes) this.#take(this.#varint());
    else throw malformed(`there is no wire type ${wire}`);
  }

  #tag(maxField: number): { field: number; wire: number } {
    const tag = this.#varint();
    const field = Math.floor(tag / 8);
    if (field < 1 || field > maxField) throw malformed('a field number is out of range');
    return { field, wire: this.#low & 7 };
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw malformed('it is cut short');
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  /** The value, exact below 2^53; its low 32 bits are exact always, in `#low`. */
  #varint(): number {
    let value = 0;
    let low = 0;
    for (let index = 0, scale = 1; index < 10; index++, scale *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw malformed('it is cut short');
      if (index === 9 && byte > 1) break;
      const bits = byte & 127;
      value += bits * scale;
      if (index < 5) low |= bits << (7 * index);
      if (byte < 128) {
        this.#low = low >>> 0;
        return value;
      }
    }
    throw malformed('a number is longer than 64 bits');
  }
}

function malformed(what: string): KeysteadError {
  return new KeysteadError('bad-message', `the message is not valid protobuf: ${what}`);
}
