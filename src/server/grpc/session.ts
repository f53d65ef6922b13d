import {
  constants,
  performServerHandshake,
  type SecureServerSessionOptions,
  type ServerHttp2Session,
} from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../core/clock.ts';
import { type House, ServedCall } from './call.ts';
import { Patience } from './patience.ts';

/** Milliseconds without a call or a ping until a session is ended; the caller's next call opens another one unseen. */
const IDLE_TIMEOUT = 300_000;
/** Milliseconds between two looks at what has not arrived, and whether anything still happens. */
const SWEEP = 5000;
/** Milliseconds that a new session has for the call it was opened for, when the server drains. */
const FIRST_CALL = 500;
const LAST_STREAM = 2 ** 31 - 1;

const OPTIONS = {
  settings: { maxConcurrentStreams: 200, maxHeaderListSize: 32 * 1024, enablePush: false },
  maxHeaderListPairs: 100,
  maxSessionMemory: 4,
  maxSettings: 16,
  // Backstops in the HTTP/2 library; `Patience` ends a session sooner and says why.
  streamResetBurst: 1000,
  streamResetRate: 100,
} satisfies SecureServerSessionOptions;

/** One connection whose calls are served. */
export interface ServedSession {
  readonly session: ServerHttp2Session;
  /**
   * Ends it without losing a call. A new session may still bring the call it was opened for. With calls in flight it
   * says that it ends, serves what was sent before the peer read that (the PING comes back behind it), and lets all of
   * them finish. The last GOAWAY names the last call served, so that a caller may send any later one elsewhere.
   */
  end(): void;
}

/** Serves the calls of one connection until it ends. */
export function serveSession(house: House, clock: Clock, socket: Duplex): ServedSession {
  const session = performServerHandshake(socket, OPTIONS);
  // Calls that are reset, by the peer or for a fault of the peer's, before they have their answer.
  const resets = new Patience({ clock, most: 400, perSecond: 50 });
  // PING and SETTINGS. Some clients measure the line with a PING for each answer.
  const control = new Patience({ clock, most: 500, perSecond: 50 });
  const spend = (patience: Patience) => {
    if (patience.spend() || session.destroyed) return;
    house.log?.warn({ peer: session.socket?.remoteAddress }, 'gRPC session closed: too many resets, pings or settings');
    session.goaway(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    session.destroy();
  };
  const open = new Set<ServedCall>();
  let ending = false;
  const end = () => {
    if (ending || session.closed || session.destroyed) return;
    ending = true;
    if ((session.state.lastProcStreamID ?? 0) === 0) closeAfterFirstCall(session);
    // Behind its own GOAWAY the library reads no further once no call is open: neither a PING nor a call would come.
    else if (open.size === 0) session.close();
    else giveNotice(session);
  };
  // Not the session's own timeout: the library forgets to clear its timer, which keeps an ended session for five minutes.
  let active = performance.now();
  const sweep = setInterval(() => {
    for (const call of open) call.checkArrival();
    if (open.size === 0 && performance.now() - active > IDLE_TIMEOUT) end();
  }, SWEEP).unref();
  session.once('close', () => clearInterval(sweep));
  session.on('stream', (stream, headers) => {
    const call = new ServedCall(house, stream);
    open.add(call);
    stream.on('close', () => {
      open.delete(call);
      active = performance.now();
      call.closed();
      if (call.answered && stream.rstCode === constants.NGHTTP2_NO_ERROR) control.reward();
      else spend(resets);
      if (ending && open.size === 0) close(session);
    });
    void call.serve(headers);
  });
  session.on('ping', () => {
    active = performance.now();
    spend(control);
  });
  session.on('remoteSettings', () => spend(control));
  session.on('error', (error) => house.log?.debug({ err: error }, 'gRPC session failed'));
  return { session, end };
}

function closeAfterFirstCall(session: ServerHttp2Session): void {
  const grace = setTimeout(() => close(session), FIRST_CALL);
  session.once('close', () => clearTimeout(grace));
  session.once('stream', () => close(session));
}

function giveNotice(session: ServerHttp2Session): void {
  session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM);
  session.ping(() => close(session));
}

function close(session: ServerHttp2Session): void {
  if (!session.closed && !session.destroyed) session.close();
}
