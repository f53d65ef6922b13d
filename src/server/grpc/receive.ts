import type { ServerHttp2Stream } from 'node:http2';
import { inflate, MessageReader } from './framing.ts';
import { STATUS, StatusError } from './status.ts';

/**
 * Reads the one message of a call. The stream is read only while this waits, so a caller can send no more than the
 * flow-control window before. Never settles when the stream is closed first: whoever waits is told by `close`.
 */
export async function receiveMessage(stream: ServerHttp2Stream, limit: number, gzip: boolean): Promise<Buffer> {
  const { compressed, bytes } = await wholeMessage(stream, limit);
  if (!compressed) return bytes;
  if (gzip) return inflate(bytes, limit);
  throw new StatusError(STATUS.internal, 'bad-message', 'the message is marked as compressed without a grpc-encoding');
}

function wholeMessage(stream: ServerHttp2Stream, limit: number): Promise<ReturnType<MessageReader['end']>> {
  return new Promise((resolve, reject) => {
    const reader = new MessageReader(limit);
    const attempt = (step: () => void) => {
      try {
        step();
      } catch (error) {
        stream.removeAllListeners('data').pause();
        reject(error);
      }
    };
    stream.on('data', (chunk: Buffer) => attempt(() => reader.push(chunk)));
    const end = () => attempt(() => resolve(reader.end()));
    stream.on('end', end);
    // An empty last frame ends the stream while nobody reads yet, and its `end` does not come again.
    if (stream.readableEnded) end();
  });
}
