import { KeysteadError } from '../core/errors.ts';

/** The address of a service without a slash at the end. Throws `bad-usage`, which never shows credentials. */
export function serverAddress(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new KeysteadError(
      'bad-usage',
      'the server must be an http:// or https:// URL, such as http://127.0.0.1:8080',
    );
  }
  if (url.username !== '' || url.password !== '') {
    throw new KeysteadError('bad-usage', "the server's URL must not hold credentials; give a token file");
  }
  if (url.search !== '' || url.hash !== '') {
    throw new KeysteadError('bad-usage', "the server's URL must have no query and no fragment");
  }
  return url.origin + url.pathname.replace(/\/+$/, '');
}
