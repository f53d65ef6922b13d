import type { Server as HttpServer } from 'node:http';
import { Server } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';
import type { Quiet } from './quiet.ts';

/** Milliseconds that an idle connection is kept: a request may be on its way over it. */
const IDLE_GRACE = 500;
const SWEEP = 100;
/** Milliseconds for which connections that still come are let in. */
const LAST_CALL = 1000;

/**
 * Ends an HTTP server without losing a request.
 *
 * It takes in whom the kernel has accepted, then stops accepting, answers what was sent and what still comes over open
 * connections, tells each client with `Connection: close` that there is no next time, and closes connections that have
 * been quiet for a while: those between two requests and those over which no request has begun. Resolves when none is
 * left; at the deadline it cuts the rest and gives how many they were.
 *
 * @param quiet those of this server, watched since before it listened.
 */
export async function drainHttp(server: HttpServer, quiet: Quiet, clock: Clock, deadline: number): Promise<number> {
  server.prependListener('request', (_request, response) => {
    response.shouldKeepAlive = false;
  });
  await emptyQueue(server, clock);
  const closed = Promise.withResolvers<void>();
  // Not HttpServer's own close: it cuts idle connections at once, with the requests that are on their way over them.
  Server.prototype.close.call(server, () => closed.resolve());
  const finished = new AbortController();
  const all = closed.promise.then(() => finished.abort());
  await sweep(server, quiet, clock, deadline, finished.signal);
  const cut = finished.signal.aborted ? 0 : await connections(server);
  server.closeAllConnections();
  quiet.destroy();
  if (cut > 0) await all;
  return cut;
}

/**
 * Takes in the connections that wait in the kernel's queue: closing the listener resets them. A turn of the event loop
 * may take in one only, hence as many turns as it needs until two in a row bring none. Resolves in that turn.
 */
async function emptyQueue(server: Server, clock: Clock): Promise<void> {
  let came = 0;
  const count = () => {
    came++;
  };
  server.on('connection', count);
  const end = clock.now().getTime() + LAST_CALL;
  for (let idle = 0; idle < 2 && clock.now().getTime() < end; ) {
    came = 0;
    await turn();
    idle = came === 0 ? idle + 1 : 0;
  }
  server.off('connection', count);
}

/** Until all connections are gone or the deadline has passed. */
async function sweep(
  server: HttpServer,
  quiet: Quiet,
  clock: Clock,
  deadline: number,
  finished: AbortSignal,
): Promise<void> {
  const end = clock.now().getTime() + deadline;
  let wait = Math.min(IDLE_GRACE, deadline);
  try {
    while (!finished.aborted && clock.now().getTime() < end) {
      await clock.sleep(wait, finished);
      server.closeIdleConnections();
      quiet.destroy();
      wait = Math.min(SWEEP, Math.max(1, end - clock.now().getTime()));
    }
  } catch {
    // The sleep ends early when the last connection is gone.
  }
}

function connections(server: Server): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count ?? 0)));
}
