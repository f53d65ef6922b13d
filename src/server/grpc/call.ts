import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { KeysteadError } from '../../core/errors.ts';
import type { Logger } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { frame } from './framing.ts';
import { LiveCall } from './live-call.ts';
import type { Method } from './method.ts';
import { receiveMessage } from './receive.ts';
import { readHead } from './request.ts';
import { failureTrailers, StatusError } from './status.ts';

/** What all calls of a server share. */
export interface House {
  readonly methods: ReadonlyMap<string, Method>;
  readonly metrics: Pick<Metrics, 'request'>;
  readonly log: Logger | undefined;
  /** Gives a call its trace id, from its `traceparent` header if it has one. */
  traceId(traceparent: unknown): string;
  /** Aborted when the server takes no more calls: streams of answers end then, single answers are still given. */
  readonly draining: AbortSignal;
}

/** Milliseconds that the message of a call may take to arrive. */
const ARRIVAL = 30_000;
const NO_ERROR = 0;
const HEADERS = { ':status': 200, 'content-type': 'application/grpc' };
const WITH_TRAILERS = { waitForTrailers: true };
const OK = 0;
const CANCELED = 1;
const OK_TRAILERS = { 'grpc-status': '0' };

/**
 * One call on one HTTP/2 stream, from its headers to its trailers (gRPC over HTTP/2).
 *
 * Promises: exactly one status, also when the method throws, hangs beyond the deadline or answers too late; no byte of a
 * message is read before its caller is admitted; every answer is wiped when it is sent, or when it cannot be sent.
 */
export class ServedCall {
  readonly #house: House;
  readonly #stream: ServerHttp2Stream;
  readonly #started = performance.now();
  #route = 'unknown';
  #arrived = false;
  #live: LiveCall | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The status that was given; undefined as long as the caller waits. */
  #status: number | undefined;
  #trailers: Record<string, string> = OK_TRAILERS;

  constructor(house: House, stream: ServerHttp2Stream) {
    this.#house = house;
    this.#stream = stream;
    stream.on('error', ignore); // What a broken stream means is told by its `close`.
  }

  /** True once the caller was given a status. */
  get answered(): boolean {
    return this.#status !== undefined;
  }

  /** True when there is nobody left to answer. */
  get #over(): boolean {
    return this.#status !== undefined || this.#stream.destroyed;
  }

  async serve(headers: IncomingHttpHeaders): Promise<void> {
    try {
      const { method, timeout, gzip, credentials } = readHead(headers, this.#house.methods);
      this.#route = method.path;
      if (timeout !== undefined) this.#timer = setTimeout(() => this.#expire(), timeout);
      const principal = await method.admit(credentials);
      const message = await receiveMessage(this.#stream, method.limit, gzip);
      this.#arrived = true;
      if (this.#over) return;
      this.#live = new LiveCall(principal, this.#house.traceId(headers['traceparent']));
      if ('answer' in method) this.#answer(await method.answer(message, this.#live));
      else await this.#answerAll(method.answers(message, this.#live));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Gives a call up whose message takes too long. */
  checkArrival(): void {
    if (this.#arrived || performance.now() - this.#started < ARRIVAL) return;
    this.#cancel(new KeysteadError('request-timeout', 'the message did not arrive in time'));
  }

  /** To be called when the stream has closed. */
  closed(): void {
    clearTimeout(this.#timer);
    const seconds = (performance.now() - this.#started) / 1000;
    this.#house.metrics.request('grpc', this.#route, this.#status ?? CANCELED, seconds);
    if (!this.answered) this.#live?.abort(new KeysteadError('client-gone', 'the caller went away'));
  }

  #answer(message: Uint8Array): void {
    if (this.#over) return void message.fill(0);
    this.#status = OK;
    this.#respond();
    const framed = frame(message);
    this.#stream.end(framed, () => framed.fill(0));
  }

  async #answerAll(messages: AsyncIterable<Uint8Array>): Promise<void> {
    const { draining } = this.#house;
    const leave = () => this.#cancel(new KeysteadError('closing', 'the service is closing'));
    if (draining.aborted) return leave();
    draining.addEventListener('abort', leave);
    try {
      for await (const message of messages) {
        if (this.#over) return void message.fill(0);
        if (!this.#stream.headersSent) this.#respond();
        const framed = frame(message);
        // Waits until it is sent, so a caller who does not read is not written to.
        await new Promise((resolve) => this.#stream.write(framed, resolve));
        framed.fill(0);
      }
    } finally {
      draining.removeEventListener('abort', leave);
    }
    if (this.#over) return;
    if (!this.#stream.headersSent) this.#respond();
    this.#status = OK;
    this.#stream.end();
  }

  #respond(): void {
    this.#stream.on('wantTrailers', () => this.#stream.sendTrailers(this.#trailers));
    this.#stream.respond(HEADERS, WITH_TRAILERS);
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    const failure = KeysteadError.from(error);
    if (failure.reason === 'unexpected') {
      const { traceId } = this.#live ?? {};
      this.#house.log?.error({ err: failure.cause ?? failure, traceId, route: this.#route }, 'call failed');
    }
    this.#status = failure.grpcStatus;
    this.#trailers = failureTrailers(failure);
    if (this.#stream.headersSent) {
      this.#stream.end();
      return;
    }
    const headers = failure instanceof StatusError ? failure.headers : {};
    this.#stream.respond({ ...HEADERS, ...headers, ...this.#trailers }, { endStream: true });
    // Tells a caller who is still sending that nobody will read it.
    if (!this.#stream.readableEnded) this.#stream.close(NO_ERROR);
  }

  #expire(): void {
    this.#cancel(new KeysteadError('timeout', 'the deadline has passed'));
  }

  #cancel(error: KeysteadError): void {
    this.#fail(error);
    this.#live?.abort(error);
  }
}

function ignore(): void {}
