import { nearestName } from '../core/nearest-name.ts';

/** What is wrong with an accessor, and where: `multi_hop_accessors[0].access_steps[1].account_id`. Holds no secret. */
export interface AccessorProblem {
  /** Empty where it is about the whole. */
  readonly path: string;
  /** What to do, so that it can be read after the path. */
  readonly text: string;
}

/** One field's reader: gives the value, or tells what is wrong and gives undefined. */
type Read<T> = (value: unknown, at: string, problems: Problems) => T | undefined;

/** Characters of an unknown name that are shown. */
const MAX_SHOWN = 32;

/** Collects what is wrong, so that all of it can be told at once. */
export class Problems {
  readonly list: AccessorProblem[] = [];

  wrong(path: string, text: string): undefined {
    this.list.push({ path, text });
    return undefined;
  }
}

/** The fields of one object: each is read at most once, and `end` refuses what nobody has read. */
export class Fields {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #problems: Problems;
  readonly #known = new Set<string>();

  constructor(object: object, path: string, problems: Problems) {
    this.#object = object as Readonly<Record<string, unknown>>;
    this.#path = path;
    this.#problems = problems;
  }

  /** Where a field is. */
  at(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }

  has(name: string): boolean {
    const value = Object.hasOwn(this.#object, name) ? this.#object[name] : undefined;
    return value !== undefined && value !== null;
  }

  /** `{ [as]: value }`, or nothing where the field is absent, null or wrong: to be spread into what is made. */
  optional<K extends string, T>(name: string, as: K, read: Read<T>): { readonly [P in K]?: T } {
    this.#known.add(name);
    if (!this.has(name)) return {};
    const value = read(this.#object[name], this.at(name), this.#problems);
    return value === undefined ? {} : ({ [as]: value } as { readonly [P in K]?: T });
  }

  required<T>(name: string, read: Read<T>): T | undefined {
    this.#known.add(name);
    if (this.has(name)) return read(this.#object[name], this.at(name), this.#problems);
    return this.#problems.wrong(this.at(name), 'is missing');
  }

  end(): void {
    for (const name of Object.keys(this.#object)) {
      if (this.#known.has(name)) continue;
      const known = [...this.#known];
      // A name as long as a token may be one.
      const shown = name.length <= MAX_SHOWN ? name : '…';
      const nearest = nearestName(shown, known);
      const hint = nearest === undefined ? `known are ${known.join(', ')}` : `did you mean ${nearest}?`;
      this.#problems.wrong(this.at(shown), `is not a known field; ${hint}`);
    }
  }
}

/** A text that a pattern describes. @param takes finishes the sentence "must be …". */
export function text(pattern: RegExp, takes: string): Read<string> {
  return (value, at, problems) =>
    typeof value === 'string' && pattern.test(value) ? value : problems.wrong(at, `must be ${takes}`);
}

export function wholeNumber(min: number, max: number): Read<number> {
  return (value, at, problems) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? value
      : problems.wrong(at, `must be a whole number from ${min} to ${max}`);
}

export const flag: Read<boolean> = (value, at, problems) =>
  typeof value === 'boolean' ? value : problems.wrong(at, 'must be true or false');

/** A list, each element read by itself. What is wrong with one of them is told with its place. */
export function list<T>(item: Read<T>, min = 0): Read<T[]> {
  return (value, at, problems) => {
    if (!Array.isArray(value)) return problems.wrong(at, 'must be a list');
    if (value.length < min) return problems.wrong(at, `must hold at least ${min === 1 ? 'one' : min}`);
    const read = value.map((each, index) => item(each, `${at}[${index}]`, problems));
    return read.some((each) => each === undefined) ? undefined : (read as T[]);
  };
}

/** Whether a value has fields. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
