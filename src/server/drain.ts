import type { Server as HttpServer } from 'node:http';
import { Server } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../core/clock.ts';

/** Milliseconds that an idle connection is kept: a request may be on its way over it. */
const IDLE_GRACE = 500;
const SWEEP = 100;

/**
 * Ends an HTTP server without losing a request.
 *
 * It stops accepting, answers what was sent and what still comes over open connections, tells each client with
 * `Connection: close` that there is no next time, and closes connections that have been quiet for a while. Resolves
 * when none is left; at the deadline it cuts the rest and gives how many they were.
 */
export async function drainHttp(server: HttpServer, clock: Clock, deadline: number): Promise<number> {
  server.prependListener('request', (_request, response) => {
    response.shouldKeepAlive = false;
  });
  // What the kernel has accepted for us already is taken in before the door is shut.
  await turn();
  await turn();
  const closed = Promise.withResolvers<void>();
  // Not HttpServer's own close: it cuts idle connections at once, with the requests that are on their way over them.
  Server.prototype.close.call(server, () => closed.resolve());
  const finished = new AbortController();
  const all = closed.promise.then(() => finished.abort());
  await sweep(server, clock, deadline, finished.signal);
  const cut = finished.signal.aborted ? 0 : await connections(server);
  server.closeAllConnections();
  if (cut > 0) await all;
  return cut;
}

/** Until all connections are gone or the deadline has passed. */
async function sweep(server: HttpServer, clock: Clock, deadline: number, finished: AbortSignal): Promise<void> {
  const end = clock.now().getTime() + deadline;
  let wait = Math.min(IDLE_GRACE, deadline);
  try {
    while (!finished.aborted && clock.now().getTime() < end) {
      await clock.sleep(wait, finished);
      server.closeIdleConnections();
      wait = Math.min(SWEEP, Math.max(1, end - clock.now().getTime()));
    }
  } catch {
    // The sleep ends early when the last connection is gone.
  }
}

function connections(server: Server): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count ?? 0)));
}
