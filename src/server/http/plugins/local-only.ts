import type { IncomingHttpHeaders } from 'node:http';
import { KeysteadError } from '../../../core/errors.ts';

const LOCAL_HOST = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i;

/**
 * Protects a development server, where every caller may do everything, from pages in the developer's browser: a page
 * on another site must not call it, neither openly nor under a name that it made point to loopback (DNS rebinding).
 * Throws `policy`.
 */
export function assertLocal(headers: IncomingHttpHeaders): void {
  if (headers.host !== undefined && !LOCAL_HOST.test(headers.host)) {
    throw refused('the host of the request is not a loopback name; call http://127.0.0.1 or http://localhost');
  }
  const { origin } = headers;
  if (origin !== undefined && !LOCAL_HOST.test(origin.replace(/^https?:\/\//, '')))
    throw refused('pages of other sites may not call it');
  if (headers['sec-fetch-site'] === 'cross-site') throw refused('pages of other sites may not call it');
}

function refused(why: string): KeysteadError {
  return new KeysteadError('policy', `this is a development server: ${why}`);
}
