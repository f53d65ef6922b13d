import { constants, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { Peer } from '../peers.ts';
import { ServedCall } from './call.ts';
import { CallRecord } from './call-record.ts';
import type { House } from './house.ts';

/** What the HTTP/2 library itself sees to, for every session. */
export const SESSION = {
  settings: { maxConcurrentStreams: 200, maxHeaderListSize: 32 * 1024, enablePush: false },
  maxHeaderListPairs: 100,
  maxSessionMemory: 4,
  maxSettings: 16,
  // Behind our own patience, which ends a session sooner and says why.
  streamResetBurst: 1000,
  streamResetRate: 100,
};

/**
 * What a peer may do without use before it is sent away: calls that are reset before they have their answer, PING and
 * SETTINGS. Each answer and each sweep give some back, since some clients measure the line with a PING for each answer.
 * Cheap acts of a peer that cost us more (CVE-2023-44487 and its kin) end here.
 */
const PATIENCE = 400;
const REGAINED = 250;
/** Sweeps without a call or a ping until a session is ended; the caller's next call opens another one unseen. */
const IDLE_SWEEPS = 60;
/** Sweeps behind that in which the peer may read that it is ended. */
const LAST_SWEEPS = 2;

/** One connection whose calls are served. */
export class ServedSession {
  readonly #house: House;
  readonly #session: ServerHttp2Session;
  readonly #peer: Peer;
  readonly #open = new Set<ServedCall>();
  #patience = PATIENCE;
  #idle = 0;
  #ending = false;

  constructor(house: House, session: ServerHttp2Session) {
    this.#house = house;
    this.#session = session;
    // Now, and not when a call comes: what a peer has sent is served even when its session is over and has no socket.
    this.#peer = session.socket === undefined ? {} : house.peerOf(session.socket as Socket);
    session.on('stream', (stream, headers, _flags, raw) => this.#serve(stream, headers, raw));
    session.on('ping', () => this.#spend());
    session.on('remoteSettings', () => this.#spend());
    session.on('error', (error) => house.log?.debug({ err: error }, 'gRPC session failed'));
  }

  /**
   * Ends it without losing a call, as soon as it has none. With calls in flight it says that it ends, serves what was
   * sent before the peer read that (the PING comes back behind it), and lets all of them finish. The last GOAWAY names
   * the last call served, so that a caller may send any later one elsewhere.
   */
  end(): void {
    this.#ending = true;
    if (this.#open.size > 0) this.#giveNotice();
  }

  /** Ends it if no call is open. Not to be told at once: a call may be on its way. */
  endIdle(): void {
    if (this.#open.size === 0) this.#session.close();
  }

  /** Each five seconds: gives patience back, ends calls that wait for their caller and a session over which nothing happens. */
  sweep(): void {
    this.#patience = Math.min(PATIENCE, this.#patience + REGAINED);
    for (const call of this.#open) call.sweep();
    if (++this.#idle > IDLE_SWEEPS) this.endIdle();
    // A peer that reads nothing never learns of it.
    if (this.#idle > IDLE_SWEEPS + LAST_SWEEPS && this.#open.size === 0) this.#session.destroy();
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]): void {
    if (this.#ending && this.#open.size === 0) this.#giveNotice();
    const call = new ServedCall(this.#house, stream, this.#peer, new CallRecord(this.#house, headers));
    this.#open.add(call);
    this.#idle = 0;
    stream.on('close', () => {
      this.#open.delete(call);
      call.closed();
      if (!call.answered || stream.rstCode !== constants.NGHTTP2_NO_ERROR) this.#spend();
      else if (this.#patience < PATIENCE) this.#patience++;
      if (this.#ending) this.endIdle();
    });
    call.serve(headers, raw).catch((error) => {
      this.#house.log?.error({ err: error }, 'a gRPC call failed in a way that it should not');
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    });
  }

  /** Only while a stream is open: behind its own GOAWAY the library reads no further once there is none. */
  #giveNotice(): void {
    if (this.#session.destroyed) return;
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, 2 ** 31 - 1); // of all streams that there can be, the last
    this.#session.ping(() => this.#session.close());
  }

  #spend(): void {
    this.#idle = 0;
    if (--this.#patience >= 0 || this.#session.destroyed) return;
    const peer = this.#session.socket?.remoteAddress;
    this.#house.log?.warn({ peer }, 'gRPC session closed: too many resets, pings or settings');
    this.#session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    this.#session.destroy();
  }
}
