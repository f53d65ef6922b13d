import { KeysteadError } from '../core/errors.ts';

const SHOWN = 40;

/**
 * What callers without a type checker get wrong. Throws `bad-request`, or the reason given, unless `value` is an object
 * with none but these members; their values are for others to check.
 *
 * @param what names the value in the error text, in the plural: `the options`.
 */
export function assertMembers(
  value: unknown,
  names: readonly string[],
  what: string,
  reason: 'bad-request' | 'bad-usage' = 'bad-request',
): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new KeysteadError(reason, `${what} must be an object`);
  }
  const foreign = Object.keys(value).find((name) => !names.includes(name));
  if (foreign === undefined) return;
  const known = names.length === 0 ? 'there are none' : `known are ${names.join(', ')}`;
  throw new KeysteadError(
    reason,
    `${what} have an unknown member ${JSON.stringify(foreign.slice(0, SHOWN))}; ${known}`,
  );
}

/** The options of a call: these, and its signal. Throws `bad-request`. */
export function assertCallOptions(options: { readonly signal?: AbortSignal }, names: readonly string[] = []): void {
  assertMembers(options, [...names, 'signal'], 'the options');
  const { signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new KeysteadError('bad-request', 'signal must be an AbortSignal');
  }
}

/** Throws `bad-request` unless it is a string, or absent. */
export function assertText(value: unknown, what: string, reason: 'bad-request' | 'bad-usage' = 'bad-request'): void {
  if (value !== undefined && typeof value !== 'string') throw new KeysteadError(reason, `${what} must be a string`);
}

/** Throws `bad-request` unless it is what the service takes for the length of a page, or absent. */
export function assertPageSize(value: unknown): void {
  if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 1)) return;
  throw new KeysteadError('bad-request', 'pageSize must be a whole number from 1 on');
}
