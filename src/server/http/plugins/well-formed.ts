import type { IncomingMessage } from 'node:http';
import { KeysteadError } from '../../../core/errors.ts';

/** What a request target may hold (RFC 9112): Node lets raw bytes beyond ASCII pass, as other characters than meant. */
const TARGET = /^[!"$-~]*$/;
const SLASH = 0x2f;
const CONTINUE = /^100-continue$/i;
const CHUNKED = /^chunked$/i;

/**
 * Throws when the head of a request is not what HTTP asks for, or can be read in two ways: by us in one, by a proxy
 * before us in the other.
 */
export function assertWellFormed({ method, url = '', httpVersion, headers, rawHeaders }: IncomingMessage): void {
  if (!TARGET.test(url)) {
    const reason = url.startsWith('/v1/data-keys/') ? 'bad-id' : 'bad-request';
    throw new KeysteadError(reason, 'the path holds characters that must be percent-encoded');
  }
  // A URL that is for another host than `Host` says; the router would take the path out of it, whichever that is.
  if (url.charCodeAt(0) !== SLASH && !(url === '*' && method === 'OPTIONS')) {
    throw new KeysteadError(
      'bad-request',
      'the request target must be a path, or a URL with the host that the Host header names',
    );
  }
  if (headers.host === undefined && httpVersion === '1.1') {
    throw new KeysteadError('bad-request', 'the Host header is missing');
  }
  const twice = repeatedHeader(rawHeaders);
  if (twice !== undefined) throw new KeysteadError('bad-request', `the ${twice} header is there more than once`);
  if (headers.expect !== undefined && httpVersion === '1.1' && !CONTINUE.test(headers.expect)) {
    throw new KeysteadError('bad-request', 'the Expect header may say 100-continue and nothing else');
  }
  // Node takes a body that says it is `gzip, chunked`, and hands on its bytes as if they were not compressed.
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && !CHUNKED.test(coding)) {
    throw new KeysteadError('bad-request', 'the Transfer-Encoding header may say chunked and nothing else');
  }
}

/**
 * `Host`, `Authorization` or `Content-Type`, where it is there more than once: Node's own headers keep the first alone.
 *
 * @param raw names and values in turn.
 */
function repeatedHeader(raw: readonly string[]): 'Host' | 'Authorization' | 'Content-Type' | undefined {
  let hosts = 0;
  let authorizations = 0;
  let types = 0;
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at] as string;
    if (name.length === 4) hosts += Number(name === 'Host' || name.toLowerCase() === 'host');
    else if (name.length === 13) authorizations += Number(name.toLowerCase() === 'authorization');
    else if (name.length === 12) types += Number(name.toLowerCase() === 'content-type');
  }
  if (hosts > 1) return 'Host';
  if (authorizations > 1) return 'Authorization';
  return types > 1 ? 'Content-Type' : undefined;
}
