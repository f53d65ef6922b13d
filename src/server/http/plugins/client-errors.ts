import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { KeysteadError } from '../../../core/errors.ts';
import type { BaseHeaders } from '../security-headers.ts';
import { problemOf, toKeysteadError } from './problem.ts';

// Not by import: that reads every name of node:http, and WebSocket among them loads the whole of Node's fetch, 14 MB.
const { STATUS_CODES } = process.getBuiltinModule('node:http');

/** Milliseconds that a caller has to read an answer on a connection that is being closed. */
const LINGER = 500;

/** A socket of Node's HTTP server: knows the answer that is being written to it. */
type ServerSocket = Socket & { readonly _httpMessage?: ServerResponse | null };

/** Answers what Node answers by itself, or not at all, where nobody listens. */
export function answerUncommon(
  server: Server,
  traceId: (traceparent: string | undefined) => string,
  base: BaseHeaders,
): void {
  // The head is refused where all heads are, if it is not what HTTP asks for.
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('connect', ({ headers }, socket: ServerSocket) => {
    // Node has let go of the socket: nobody else hears its errors.
    socket.on('error', () => socket.destroy());
    const error = new KeysteadError('bad-request', 'there is no CONNECT here; this is no proxy');
    answerClientError(error, socket, traceId(headers['traceparent']?.toString()), base);
  });
}

/**
 * Answers what is no HTTP request at all, too large, too slow or cut off, on the bare socket, and closes it. Earlier
 * requests of a pipeline get their answers first, so that none is taken for another's.
 */
export function answerClientError(error: Error, socket: ServerSocket, traceId: string, base: BaseHeaders): void {
  const earlier = socket._httpMessage;
  if (earlier?.req.complete === true && !earlier.writableFinished && !earlier.destroyed) {
    earlier.once('close', () => answerClientError(error, socket, traceId, base));
    return;
  }
  if (earlier?.headersSent === true) {
    socket.destroy();
    return;
  }
  const failure = toKeysteadError(error);
  if (failure.reason === 'client-gone' || !socket.writable) {
    socket.destroy();
    return;
  }
  const body = Buffer.from(JSON.stringify(problemOf(failure, traceId)));
  const headers = { ...base.named, 'content-type': 'application/problem+json', 'content-length': body.length };
  const lines = Object.entries({ ...headers, connection: 'close' }).map(([name, value]) => `${name}: ${value}\r\n`);
  const status = failure.httpStatus;
  socket.write(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`, 'latin1');
  // Bytes that are still on their way in would reset the connection and take the answer with them.
  socket.end(body, () => setTimeout(() => socket.destroy(), LINGER).unref());
}
