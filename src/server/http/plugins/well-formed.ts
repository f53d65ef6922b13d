import type { IncomingMessage } from 'node:http';
import { KeysteadError } from '../../../core/errors.ts';

/** What a request target may hold (RFC 9112): Node lets raw bytes beyond ASCII pass, as other characters than meant. */
const TARGET = /^[!"$-~]*$/;
const SLASH = 0x2f;
const CONTINUE = /^100-continue$/i;

/**
 * Throws when the head of a request is not what HTTP asks for, or can be read in two ways: by us in one, by a proxy
 * before us in the other.
 */
export function assertWellFormed({ method, url = '', httpVersion, headers, rawHeaders }: IncomingMessage): void {
  if (!TARGET.test(url)) {
    const reason = url.startsWith('/v1/data-keys/') ? 'bad-id' : 'bad-request';
    throw new KeysteadError(reason, 'the path holds characters that must be percent-encoded');
  }
  // The router would take the host out of `http://host/path`, whichever it is.
  if (url.charCodeAt(0) !== SLASH && !(url === '*' && method === 'OPTIONS')) {
    throw new KeysteadError('bad-request', 'the request target must be a path, beginning with /; this is no proxy');
  }
  if (headers.host === undefined ? httpVersion === '1.1' : hostHeaders(rawHeaders) > 1) {
    const wrong = headers.host === undefined ? 'is missing' : 'is there more than once';
    throw new KeysteadError('bad-request', `the Host header ${wrong}`);
  }
  if (headers.expect !== undefined && httpVersion === '1.1' && !CONTINUE.test(headers.expect)) {
    throw new KeysteadError('bad-request', 'the Expect header may say 100-continue and nothing else');
  }
}

/** @param raw names and values in turn; of several `Host`, Node's own headers keep the first alone. */
function hostHeaders(raw: readonly string[]): number {
  let count = 0;
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string;
    if (name.length === 4 && (name === 'Host' || name.toLowerCase() === 'host')) count++;
  }
  return count;
}
