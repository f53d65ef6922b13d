import { assertDataKeyId } from '../core/data-key-id.ts';
import { assertKeyLength, CHECK_LENGTH } from '../core/derive.ts';
import { toBase64 } from '../core/encoding.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Asked } from './data-key.ts';
import { assertMembers } from './usage.ts';

/** What to ask of a data key. */
export interface GetOptions {
  /** Bytes, 1 to 8160; 32 when absent. */
  readonly length?: number;
  /** A number that an earlier answer gave; the newest when absent. */
  readonly version?: number;
  /** What to do when there is no such key: make it (the default), refuse, or insist that there is none yet. */
  readonly create?: 'if-missing' | 'never' | 'must';
  /** The check value of the key that is expected; another key is refused with `check-mismatch`, and none is made. */
  readonly expect?: Uint8Array;
}

/** Names of `GetOptions`. */
export const GET_OPTIONS = ['length', 'version', 'create', 'expect'] as const;
const CREATE_MODES: readonly unknown[] = ['if-missing', 'never', 'must'];

/** A request that is known to be good. */
export type FullRequest = Asked & GetOptions;

/** Throws `bad-id`, `bad-length`, `bad-version` or `bad-request`, as the service would. */
export function assertAsked(request: GetOptions & { readonly id: string }): FullRequest {
  assertMembers(request, ['id', ...GET_OPTIONS], 'the options');
  const { id, length = 32, version, create, expect } = request;
  assertDataKeyId(id);
  assertKeyLength(length);
  if (version !== undefined && (!Number.isSafeInteger(version) || version < 1)) {
    throw new KeysteadError('bad-version', 'version must be a whole number from 1 on, as an earlier answer gave it');
  }
  if (create !== undefined && !CREATE_MODES.includes(create)) {
    throw new KeysteadError('bad-request', `create must be one of ${CREATE_MODES.join(', ')}`);
  }
  if (expect !== undefined && !(expect instanceof Uint8Array)) {
    throw new KeysteadError('bad-request', `expect must be a Uint8Array of ${CHECK_LENGTH} bytes`);
  }
  if (expect !== undefined && expect.length !== CHECK_LENGTH) {
    throw new KeysteadError('bad-request', `expect must be ${CHECK_LENGTH} bytes, not ${expect.length}`);
  }
  return {
    id,
    length,
    ...(version === undefined ? {} : { version }),
    ...(create === undefined ? {} : { create }),
    ...(expect === undefined ? {} : { expect }),
  };
}

/** What goes into the body. */
export function requestOf({ length, version, create, expect }: FullRequest): object {
  return { length, version, create, expect: expect === undefined ? undefined : toBase64(expect) };
}

/** Percent-encoded throughout: `+` would be a space to some. */
export function queryOf(values: Readonly<Record<string, string | number | undefined>>): string {
  const pairs = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

/** Where a data key is. Throws `bad-id`, also for an id that cannot stand in a path. */
export function pathOf(id: string): string {
  assertDataKeyId(id);
  if (isDotSegment(id)) {
    throw new KeysteadError('bad-id', `the id "${id}" cannot stand in a URL; find it in the list by its prefix`);
  }
  return `/v1/data-keys/${encodeURIComponent(id)}`;
}

/** URL parsers take `.` and `..` away, percent-encoded or not, so such an id travels in a body. */
export function isDotSegment(id: string): boolean {
  return id === '.' || id === '..';
}
