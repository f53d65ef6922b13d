import { STATUS, StatusError } from './status.ts';

const MILLISECONDS = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 } as const;
/** What `setTimeout` can wait for: 24 days. A longer timeout is as good as none. */
const LONGEST = 2 ** 31 - 1;

/**
 * Milliseconds of a `grpc-timeout` header: one to eight digits and a unit. Throws internal when it is malformed, with HTTP
 * status 400, as grpc-go does.
 */
export function parseTimeout(header: string): number {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(header) ?? [];
  if (digits === undefined) {
    throw new StatusError(
      STATUS.internal,
      'bad-request',
      'malformed grpc-timeout: give 1 to 8 digits and H, M, S, m, u or n',
      {
        headers: { ':status': 400 },
      },
    );
  }
  return Math.min(Math.ceil(Number(digits) * MILLISECONDS[unit as keyof typeof MILLISECONDS]), LONGEST);
}
