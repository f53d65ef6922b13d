import { toBase64 } from './encoding.ts';
import type { KeysteadError } from './errors.ts';

/** Makes the error of what is wrong, as in "is not a JSON object". */
export type Refuse = (what: string) => KeysteadError;

/**
 * The fields of one object in a stored JSON document, each read as what it must be. An error says what is wrong and
 * where, never what is there.
 */
export class JsonFields {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #refuse: Refuse;

  constructor(value: unknown, path: string, refuse: Refuse) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw refuse(path === '' ? 'is not a JSON object' : `has no object in ${path.slice(0, -1)}`);
    }
    this.#object = { ...value };
    this.#path = path;
    this.#refuse = refuse;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#object, name);
  }

  assertOnly(names: readonly string[]): void {
    const foreign = Object.keys(this.#object).filter((name) => !names.includes(name));
    if (foreign.length > 0) throw this.#refuse(`has ${foreign.length} unknown fields in ${this.#path || 'itself'}`);
  }

  integer(name: string, min: number, max: number): number {
    const value = this.#object[name];
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      throw this.#bad(name, `a whole number from ${min} to ${max}`);
    }
    return value;
  }

  /** @param max bytes of UTF-8. */
  text(name: string, max: number): string {
    const value = this.#object[name];
    const valid = typeof value === 'string' && value !== '' && value.isWellFormed() && Buffer.byteLength(value) <= max;
    if (!valid) throw this.#bad(name, `a text of 1 to ${max} bytes`);
    return value;
  }

  list(name: string): readonly unknown[] {
    const value = this.#object[name];
    if (!Array.isArray(value)) throw this.#bad(name, 'a list');
    return value;
  }

  base64(name: string): Uint8Array {
    const value = this.#object[name];
    const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
    if (bytes === undefined || bytes.length === 0 || toBase64(bytes) !== value) {
      throw this.#bad(name, 'standard base64 with padding');
    }
    return bytes;
  }

  date(name: string): Date {
    const value = this.#object[name];
    const date = typeof value === 'string' ? new Date(value) : undefined;
    if (date === undefined || Number.isNaN(date.getTime()) || date.toISOString() !== value) {
      throw this.#bad(name, 'a time such as 2027-01-31T12:00:00.000Z');
    }
    return date;
  }

  #bad(name: string, wanted: string): KeysteadError {
    return this.#refuse(`does not have ${wanted} in ${this.#path}${name}`);
  }
}
