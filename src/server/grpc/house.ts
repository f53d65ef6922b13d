import type { Socket } from 'node:net';
import { KeysteadError } from '../../core/errors.ts';
import type { Logger } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Tracing } from '../../telemetry/tracing.ts';
import type { Peer } from '../peers.ts';
import type { CallRecord } from './call-record.ts';
import type { Method } from './method.ts';

/** What all calls of a server share. */
export interface House {
  readonly methods: ReadonlyMap<string, Method>;
  readonly metrics: Pick<Metrics, 'request' | 'failure'>;
  readonly log: Logger | undefined;
  /** Gives a call its trace id, from its `traceparent` header if it has one. */
  traceId(traceparent: unknown): string;
  peerOf(socket: Socket): Peer;
  /** Absent: nobody collects spans. */
  readonly tracing?: Tracing | undefined;
}

/** The failure that a caller is told of, whatever was thrown. What nobody expected goes to the log, not to the caller. */
export function failureOf({ log, metrics }: House, error: unknown, { route, traceId }: CallRecord) {
  const failure = KeysteadError.from(error);
  metrics.failure(failure.reason);
  if (failure.reason === 'unexpected') log?.error({ err: failure.cause ?? failure, route, traceId }, 'call failed');
  return failure;
}
