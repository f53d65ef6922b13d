import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import { KeysteadError } from '../../core/errors.ts';
import type { Peer } from '../peers.ts';
import type { CallRecord } from './call-record.ts';
import { failureOf, type House } from './house.ts';
import { LiveCall } from './live-call.ts';
import { PREFIX, receiveMessage } from './receive.ts';
import { readHead } from './request.ts';
import { failureTrailers, STATUS, StatusError } from './status.ts';

/** Sweeps of a session, half a minute, that a caller may take to send its message, and to take an answer (by a window that it opens). */
const PATIENT_SWEEPS = 6;
const HEADERS = { ':status': 200, 'content-type': 'application/grpc' };

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
  readonly #record: CallRecord;
  /** Sweeps since the caller lets this call wait; undefined while it is the method that works. */
  #waiting: number | undefined = 0;
  #deadline: NodeJS.Timeout | undefined;
  #live: LiveCall | undefined;
  /** The status that was given; undefined as long as the caller waits. */
  #status: number | undefined;
  #trailers: Record<string, string> = { 'grpc-status': '0' };

  constructor(house: House, stream: ServerHttp2Stream, peer: Peer, record: CallRecord) {
    this.#house = house;
    this.#stream = stream;
    this.#peer = peer;
    this.#record = record;
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

  /** @param raw names and values of the headers in turn, as they were sent. */
  serve(headers: IncomingHttpHeaders, raw: readonly string[]): Promise<void> {
    return this.#record.run(() => this.#serve(headers, raw));
  }

  async #serve(headers: IncomingHttpHeaders, raw: readonly string[]): Promise<void> {
    try {
      const { method, timeout, gzip, credentials } = readHead(headers, raw, this.#house.methods, this.#peer);
      const expire = () => this.#fail(new KeysteadError('timeout', 'the deadline has passed'));
      if (timeout !== undefined) this.#deadline = setTimeout(expire, timeout);
      const principal = await method.admit({ ...credentials, auditId: this.#record.traceId });
      const message = await receiveMessage(this.#stream, method.limit, gzip);
      this.#waiting = undefined;
      if (this.#over) return;
      this.#live = new LiveCall(principal, this.#record.traceId, this.#peer.source);
      if ('answer' in method) return this.#end(frame(await method.answer(message, this.#live)));
      // Each waits until it is sent, so a caller who does not read is not written to.
      for await (const answer of method.answers(message, this.#live)) await this.#sent(frame(answer));
      this.#end(Buffer.alloc(0));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** From time to time: gives a call up whose caller sends nothing, or takes nothing. */
  sweep(): void {
    if (this.#waiting === undefined || ++this.#waiting <= PATIENT_SWEEPS) return;
    if (this.#stream.headersSent) this.#stream.close(constants.NGHTTP2_CANCEL);
    else this.#fail(new KeysteadError('request-timeout', 'the message did not arrive in time'));
  }

  /** To be called when the stream has closed. */
  closed(): void {
    clearTimeout(this.#deadline);
    this.#record.end(this.#status ?? STATUS.canceled);
    if (!this.answered) this.#live?.abort(new KeysteadError('client-gone', 'the caller went away'));
  }

  /** Answers with OK, behind the last frame. */
  #end(framed: Uint8Array): void {
    if (this.#over) return void framed.fill(0);
    this.#respond();
    this.#status = STATUS.ok;
    this.#stream.end(framed, () => framed.fill(0));
  }

  /** Sends a frame that is not the last. */
  async #sent(framed: Uint8Array): Promise<void> {
    if (!this.#over) {
      this.#respond();
      await new Promise((resolve) => this.#stream.write(framed, resolve));
      this.#waiting = undefined;
    }
    framed.fill(0);
  }

  /** From here on it is the caller who is waited for. */
  #respond(): void {
    this.#waiting = 0;
    if (!this.#stream.headersSent) this.#stream.respond(HEADERS, { waitForTrailers: true });
  }

  /** Answers with an error, and ends what still works for the call. */
  #fail(error: unknown): void {
    if (this.#over) return;
    const failure = failureOf(this.#house, error, this.#record);
    this.#status = failure.grpcStatus;
    this.#trailers = failureTrailers(failure);
    this.#waiting = 0;
    this.#live?.abort(failure);
    if (this.#stream.headersSent) return void this.#stream.end();
    const headers = failure instanceof StatusError ? failure.headers : {};
    this.#stream.respond({ ...HEADERS, ...headers, ...this.#trailers }, { endStream: true });
    // Tells a caller who is still sending that nobody will read it.
    if (!this.#stream.readableEnded) this.#stream.close();
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
