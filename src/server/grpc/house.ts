import { KeysteadError } from '../../core/errors.ts';
import type { Logger } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Method } from './method.ts';

/** What all calls of a server share. */
export interface House {
  readonly methods: ReadonlyMap<string, Method>;
  readonly metrics: Pick<Metrics, 'request'>;
  readonly log: Logger | undefined;
  /** Gives a call its trace id, from its `traceparent` header if it has one. */
  traceId(traceparent: unknown): string;
}

/** The failure that a caller is told of, whatever was thrown. What nobody expected goes to the log, not to the caller. */
export function failureOf({ log }: House, error: unknown, call: { route: string; traceId: string | undefined }) {
  const failure = KeysteadError.from(error);
  if (failure.reason === 'unexpected') log?.error({ err: failure.cause ?? failure, ...call }, 'call failed');
  return failure;
}
