import { type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { BASE_HEADERS } from '../answer.ts';
import { problemOf, toKeysteadError } from './problem.ts';

/** Milliseconds that a caller has to read an answer on a connection that is being closed. */
const LINGER = 500;

/** A socket of Node's HTTP server: knows the answer that is being written to it. */
type ServerSocket = Socket & { readonly _httpMessage?: ServerResponse | null };

/**
 * Answers what is no HTTP request at all, too large or too slow, on the bare socket, and closes it. Earlier requests
 * of a pipeline get their answers first, so that none is taken for another's.
 */
export function answerClientError(error: Error, socket: ServerSocket, traceId: string): void {
  const unfinished = socket._httpMessage;
  if (unfinished && !unfinished.writableFinished && !unfinished.destroyed) {
    unfinished.once('close', () => answerClientError(error, socket, traceId));
    return;
  }
  const failure = toKeysteadError(error);
  if (failure.reason === 'client-gone' || !socket.writable) {
    socket.destroy();
    return;
  }
  const body = Buffer.from(JSON.stringify(problemOf(failure, traceId)));
  const headers = { ...BASE_HEADERS, 'content-type': 'application/problem+json', 'content-length': body.length };
  const lines = Object.entries({ ...headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
  const status = failure.httpStatus;
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`, 'latin1');
  // Bytes that are still on their way in would reset the connection and take the answer with them.
  socket.end(body, () => setTimeout(() => socket.destroy(), LINGER).unref());
}
