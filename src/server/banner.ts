import type { Running } from './running.ts';

/**
 * What a development server says of itself on stderr. The line that begins with `curl ` gets a key when pasted.
 *
 * @param given true: the KEK comes from the configuration and stays when the server goes.
 */
export function banner(running: Pick<Running, 'http' | 'kek'>, given: boolean): string {
  const fingerprint = running.kek?.fingerprint ?? 'none yet';
  const kek = given
    ? `Its KEK is the one that was given, fingerprint ${fingerprint}.`
    : `Its KEK is random, fingerprint ${fingerprint}, and gone when it stops: data under its keys is lost then.`;
  const insecure = running.http.startsWith('https:') ? '-k ' : '';
  return [
    '',
    'Keystead development server: anybody on this machine may do anything. Not for data that matters.',
    kek,
    'Get a key:',
    '',
    `curl -s ${insecure}-X POST '${running.http}/v1/data-keys/my-disk/get?length=32'`,
    '',
    '',
  ].join('\n');
}
