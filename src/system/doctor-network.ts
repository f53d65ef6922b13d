import { KeysteadError, type Reason } from '../core/errors.ts';
import type { Walk } from './doctor-walk.ts';

/** The network as the doctor needs it. Throws Node's own errors, with their codes. */
export interface Network {
  /** The addresses of a name. */
  resolve(host: string): Promise<readonly string[]>;
  /** Connects, with TLS for https, and says in words what it got. */
  connect(address: URL): Promise<string>;
  /** The clock of the server; undefined where it tells none. */
  date(address: URL): Promise<Date | undefined>;
}

/** Seconds beyond which AWS refuses a request; the others are about as patient. */
const MAX_SKEW_S = 300;
const NOTABLE_SKEW_S = 30;

/** What Node's codes mean here, and what to do. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such name; check region, names and endpoint in the URI',
  EAI_AGAIN: 'the name service does not answer; check the DNS of this machine or pod',
  ECONNREFUSED: 'nothing listens there; check endpoint and port',
  ECONNRESET: 'the other end broke the connection; check a proxy or firewall between',
  ETIMEDOUT: 'there was no answer in time; check routes, firewalls and network policies',
  ENETUNREACH: 'there is no route; check the network',
  EHOSTUNREACH: 'there is no route; check the network',
  CERT_HAS_EXPIRED: 'the certificate has expired; renew it, or set the clock of this machine',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet; set the clock of this machine',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the certificate is for another name; check endpoint',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is not trusted; give its CA in NODE_EXTRA_CA_CERTS',
  SELF_SIGNED_CERT_IN_CHAIN: 'the certificate is not trusted; give its CA in NODE_EXTRA_CA_CERTS',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the certificate is not trusted; give its CA in NODE_EXTRA_CA_CERTS',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the certificate is not trusted; give its CA in NODE_EXTRA_CA_CERTS',
  ERR_SSL_WRONG_VERSION_NUMBER: 'the server does not speak TLS; check whether endpoint is http:// or https://',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'the server does not speak TLS; check whether endpoint is http:// or https://',
  EPROTO: 'TLS could not be agreed on; check whether endpoint is http:// or https://',
};

/** Name, connection and clock; stops the walk where there is no way to the server. */
export async function examineNetwork(walk: Walk, address: URL, network: Network): Promise<void> {
  const host = address.hostname.replace(/^\[|\]$/g, '');
  const away: Reason = walk.door === 'storage' ? 'store-unreachable' : 'kms-unreachable';
  const inWords = (error: unknown): KeysteadError => {
    const code = (error as { code?: unknown } | undefined)?.code;
    const advice = typeof code === 'string' && Object.hasOwn(ADVICE, code) ? ADVICE[code] : `it failed (${code})`;
    return new KeysteadError(away, `${address.host}: ${advice}`, { cause: error });
  };
  const reach = async (step: string, run: () => Promise<string>) => {
    const work = () => run().catch((error: unknown) => Promise.reject(inWords(error)));
    const reached = await walk.attempt(step, work, { found: (said) => said });
    if (reached === undefined) walk.stop(`there is no way to ${address.host}`);
  };
  await reach('name resolution', async () => `${host}: ${(await network.resolve(host)).join(', ')}`);
  await reach(address.protocol === 'https:' ? 'TLS' : 'connection', () => network.connect(address));
  await walk.attempt('clock', () => clockSkew(walk, address, network), { found: skewInWords });
}

async function clockSkew(walk: Walk, address: URL, network: Network): Promise<number | undefined> {
  const date = await network.date(address).catch(() => undefined);
  if (date === undefined) return undefined;
  const seconds = Math.round((walk.now.getTime() - date.getTime()) / 1000);
  if (Math.abs(seconds) <= MAX_SKEW_S) return seconds;
  throw new KeysteadError('clock-skew', `the clock of this machine is ${inWords(seconds)}; set it, by NTP`);
}

function skewInWords(seconds: number | undefined): string {
  if (seconds === undefined) return 'the server does not tell the time';
  return Math.abs(seconds) < NOTABLE_SKEW_S ? 'agrees with the server' : `${inWords(seconds)}; better set it`;
}

function inWords(seconds: number): string {
  return `${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} the server's`;
}
