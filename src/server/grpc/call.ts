import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { KeysteadError } from '../../core/errors.ts';
import type { RequestSpan } from '../../telemetry/tracing.ts';
import type { Peer } from '../peers.ts';
import { failureOf, type House } from './house.ts';
import { LiveCall } from './live-call.ts';
import { PREFIX, receiveMessage } from './receive.ts';
import { assertOneAuthorization, readHead } from './request.ts';
import { failureTrailers, StatusError } from './status.ts';

/** Milliseconds that the message of a call may take to arrive. */
const ARRIVAL = 30_000;
/** Milliseconds that a caller may leave an answer here, by a window that it does not open. */
const TAKING = 30_000;
const { NGHTTP2_NO_ERROR, NGHTTP2_CANCEL } = constants;
const NOTHING = new Uint8Array(0);
const HEADERS = { ':status': 200, 'content-type': 'application/grpc' };
const WITH_TRAILERS = { waitForTrailers: true };
const OK = 0;
const CANCELED = 1;
/** Statuses that are the service's own fault: INTERNAL, UNAVAILABLE, DATA_LOSS. */
const FAULTS: ReadonlySet<number> = new Set([13, 14, 15]);
const OK_TRAILERS = { 'grpc-status': '0' };

/**
 * One call on one HTTP/2 stream, from its headers to its trailers (gRPC over HTTP/2).
 *
 * Promises: exactly one status, also when the method throws, hangs beyond the deadline or answers too late; no byte of a
 * message is read before its caller is admitted; every answer is wiped when it is sent, or when it cannot be sent; one that
 * nobody takes is given up.
 */
export class ServedCall {
  readonly #house: House;
  readonly #stream: ServerHttp2Stream;
  readonly #peer: Peer;
  readonly #started = performance.now();
  readonly #arrival: NodeJS.Timeout;
  #deadline: NodeJS.Timeout | undefined;
  #taking: NodeJS.Timeout | undefined;
  #route = 'unknown';
  #traceId = '';
  #span: RequestSpan | undefined;
  #live: LiveCall | undefined;
  /** The status that was given; undefined as long as the caller waits. */
  #status: number | undefined;
  #trailers: Record<string, string> = OK_TRAILERS;

  constructor(house: House, stream: ServerHttp2Stream, peer: Peer) {
    this.#peer = peer;
    this.#house = house;
    this.#stream = stream;
    this.#arrival = setTimeout(() => this.#late(), ARRIVAL);
    stream.on('error', () => {}); // What a broken stream means is told by its `close`.
    stream.on('wantTrailers', () => stream.sendTrailers(this.#trailers));
  }

  /** True once the caller was given a status. */
  get answered(): boolean {
    return this.#status !== undefined;
  }

  /** True when there is nobody left to answer. */
  get #over(): boolean {
    return this.answered || this.#stream.destroyed || this.#stream.closed;
  }

  async serve(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): Promise<void> {
    const { tracing, traceId } = this.#house;
    this.#traceId = traceId(headers['traceparent']);
    if (tracing === undefined) return this.#serve(headers, rawHeaders);
    this.#span = tracing.request('grpc', this.#known(headers[':path']), headers, this.#traceId);
    return this.#span.run(() => this.#serve(headers, rawHeaders));
  }

  /** A path that a caller made up is nobody's name. */
  #known(path: string | undefined): string {
    return path !== undefined && this.#house.methods.has(path) ? path : this.#route;
  }

  async #serve(headers: IncomingHttpHeaders, rawHeaders: readonly string[]): Promise<void> {
    try {
      const { method, timeout, gzip, credentials } = readHead(headers, this.#house.methods, this.#peer);
      this.#route = method.path;
      if (timeout !== undefined) {
        const passed = () => this.#cancel(new KeysteadError('timeout', 'the deadline has passed'));
        this.#deadline = setTimeout(passed, timeout);
      }
      assertOneAuthorization(rawHeaders);
      const principal = await method.admit(credentials);
      const message = await receiveMessage(this.#stream, method.limit, gzip);
      clearTimeout(this.#arrival);
      if (this.#over) return;
      this.#live = new LiveCall(principal, this.#traceId, this.#peer.source);
      if ('answer' in method) return this.#end(frame(await method.answer(message, this.#live)));
      // Each waits until it is sent, so a caller who does not read is not written to.
      for await (const answer of method.answers(message, this.#live)) await this.#sent(answer);
      this.#end(NOTHING);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** To be called when the stream has closed. */
  closed(): void {
    clearTimeout(this.#arrival);
    clearTimeout(this.#deadline);
    clearTimeout(this.#taking);
    const seconds = (performance.now() - this.#started) / 1000;
    this.#house.metrics.request('grpc', this.#route, this.#status ?? CANCELED, seconds);
    this.#span?.end(this.#status ?? CANCELED, FAULTS.has(this.#status ?? CANCELED));
    if (!this.answered) this.#live?.abort(new KeysteadError('client-gone', 'the caller went away'));
  }

  /** Answers with OK, behind the last frame. */
  #end(framed: Uint8Array): void {
    if (this.#over) return void framed.fill(0);
    this.#respond();
    this.#status = OK;
    this.#stream.end(framed, () => framed.fill(0));
    this.#awaitTaking();
  }

  /** Sends a message that is not the last. */
  async #sent(message: Uint8Array): Promise<void> {
    const framed = frame(message);
    if (!this.#over) {
      this.#respond();
      this.#awaitTaking();
      await new Promise((resolve) => this.#stream.write(framed, resolve));
      clearTimeout(this.#taking);
    }
    framed.fill(0);
  }

  #awaitTaking(): void {
    this.#taking = setTimeout(() => this.#stream.close(NGHTTP2_CANCEL), TAKING);
  }

  #respond(): void {
    if (!this.#stream.headersSent) this.#stream.respond(HEADERS, WITH_TRAILERS);
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    const failure = failureOf(this.#house, error, { route: this.#route, traceId: this.#live?.traceId });
    this.#status = failure.grpcStatus;
    this.#trailers = failureTrailers(failure);
    if (this.#stream.headersSent) return void this.#stream.end();
    const headers = failure instanceof StatusError ? failure.headers : {};
    this.#stream.respond({ ...HEADERS, ...headers, ...this.#trailers }, { endStream: true });
    // Tells a caller who is still sending that nobody will read it.
    if (!this.#stream.readableEnded) this.#stream.close(NGHTTP2_NO_ERROR);
  }

  #late(): void {
    this.#cancel(new KeysteadError('request-timeout', 'the message did not arrive in time'));
  }

  #cancel(error: KeysteadError): void {
    this.#fail(error);
    this.#live?.abort(error);
  }
}

/** A message behind its prefix, never compressed. Wipes the message: the frame is the only copy, and is wiped when it is sent. */
function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(PREFIX + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX);
  message.fill(0);
  return framed;
}
