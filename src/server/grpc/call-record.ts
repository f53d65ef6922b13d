import type { IncomingHttpHeaders } from 'node:http2';
import type { RequestSpan } from '../../telemetry/tracing.ts';
import type { House } from './house.ts';

/** Statuses that are the service's own fault: INTERNAL, UNAVAILABLE, DATA_LOSS. */
const FAULTS: ReadonlySet<number> = new Set([13, 14, 15]);

/** What is told of a call besides its answer: which method, under which trace, with what end and after what time. */
export class CallRecord {
  /** The path of the method; of a path that a caller made up, nobody's name. */
  readonly route: string;
  readonly traceId: string;
  readonly #metrics: House['metrics'];
  readonly #span: RequestSpan | undefined;
  readonly #started = performance.now();

  constructor({ methods, metrics, tracing, traceId }: House, headers: IncomingHttpHeaders) {
    const { ':path': path = '', traceparent } = headers;
    this.route = methods.has(path) ? path : 'unknown';
    this.traceId = traceId(traceparent);
    this.#metrics = metrics;
    this.#span = tracing?.request('grpc', this.route, headers, this.traceId);
  }

  /** Does the work of the call below its span. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return this.#span === undefined ? work() : this.#span.run(work);
  }

  /** To be called once, when the call is over. @param status the one of gRPC that its caller was given. */
  end(status: number): void {
    this.#metrics.request('grpc', this.route, status, (performance.now() - this.#started) / 1000);
    this.#span?.end(status, FAULTS.has(status));
  }
}
