import type { IncomingMessage } from 'node:http';

const SLASH = 0x2f;
/** A URL as RFC 9110 writes it for http and https: no credentials, no fragment. */
const ABSOLUTE_FORM = /^https?:\/\/([^/?#@]+)([/?].*)?$/i;

/**
 * The request target as path and query, also where it came as a whole URL (absolute-form; RFC 9112, section 3.2.2, has
 * every server accept it). The host in it is the one in `Host`, or the target is left as it is, which `assertWellFormed`
 * refuses: two hosts in one request can be read in two ways. Nothing here is chosen by host, and nothing is passed on.
 */
export function originForm(request: IncomingMessage): string {
  const { url = '', headers } = request;
  if (url.charCodeAt(0) === SLASH) return url;
  const [, authority, rest = ''] = ABSOLUTE_FORM.exec(url) ?? [];
  if (authority === undefined) return url;
  // HTTP/1.0 asks for no Host; from here on there is the one of the URL, for the checks on it.
  if (headers.host === undefined && request.httpVersion === '1.0') headers.host = authority;
  if (headers.host?.toLowerCase() !== authority.toLowerCase()) return url;
  return rest.startsWith('/') ? rest : `/${rest}`;
}
