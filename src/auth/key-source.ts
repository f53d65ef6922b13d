import { KeysteadError } from '../core/errors.ts';
import { requestJson, serviceUrl } from '../net/json-request.ts';
import type { KeysEntry } from './schema.ts';

const TIMEOUT_MS = 5000;
/** Bytes; the sets of large issuers have some thousand. */
const MAX_ANSWER = 262_144;
const MAX_FILE = 1_048_576;
const DISCOVERY = '/.well-known/openid-configuration';
const REASON = 'issuer-unreachable';
const NOT_SHOWN = '; tokenFile is not shown there, which is not where the issuer is: give jwksUri to have it shown';

export interface Files {
  /** Throws as `node:fs` does. */
  readFile(path: string, max: number): Promise<Buffer>;
}

type Where = Pick<KeysEntry, 'issuer' | 'jwksUri' | 'jwksFile' | 'caFile' | 'tokenFile'>;

/**
 * How to fetch the JWK Set of an issuer: out of a file, from an address, or from where its discovery document says.
 *
 * Promises: nothing but https, loopback aside; no redirect is followed; a discovery document that names another issuer
 * is refused; the bearer token goes to the origin that the auth file names and nowhere else; files are read each time.
 * Throws `bad-config` for an address that cannot be one.
 */
export function keySource(where: Where, files: Files): () => Promise<unknown> {
  const { issuer, jwksUri, jwksFile } = where;
  if (jwksFile !== undefined) return () => readKeys(jwksFile, files);
  const fetching = new Fetching(where, files);
  if (jwksUri !== undefined) {
    const url = serviceUrl(jwksUri, 'jwksUri');
    return async () => fetching.get(url, url.origin);
  }
  const base = serviceUrl(issuer, 'the issuer, where neither jwksUri nor jwksFile is given,');
  const discovery = new URL(`${issuer.replace(/\/$/, '')}${DISCOVERY}`);
  return async () => {
    const document = await fetching.get(discovery, base.origin);
    return fetching.get(keysAddress(document, issuer), base.origin);
  };
}

class Fetching {
  readonly #where: Where;
  readonly #files: Files;

  constructor(where: Where, files: Files) {
    this.#where = where;
    this.#files = files;
  }

  /** @param trusted the one origin that gets to see the token. */
  async get(url: URL, trusted: string): Promise<unknown> {
    const { caFile, tokenFile } = this.#where;
    const ca = caFile === undefined ? {} : { ca: await read(caFile, this.#files) };
    const shown = tokenFile !== undefined && url.origin === trusted;
    const token = shown ? { token: (await read(tokenFile, this.#files)).toString('utf8').trim() } : {};
    if (token.token !== undefined && !/^[!-~]+$/.test(token.token)) throw failure(`${tokenFile} holds no token`);
    const limits = { timeoutMs: TIMEOUT_MS, maxBytes: MAX_ANSWER };
    const { status, body } = await requestJson({
      url,
      method: 'GET',
      ...ca,
      ...token,
      ...limits,
      whom: url.host,
      reason: REASON,
    });
    if (status !== 200) {
      const unshown = tokenFile !== undefined && !shown;
      throw failure(`${url.host} answers with status ${status}${unshown ? NOT_SHOWN : ''}`);
    }
    if (body === undefined) throw failure(`${url.host} answers with something else than JSON`);
    return body;
  }
}

function keysAddress(document: unknown, issuer: string): URL {
  const { issuer: named, jwks_uri: address } = (document ?? {}) as Record<string, unknown>;
  if (named !== issuer) throw failure('its discovery document is that of another issuer');
  try {
    return serviceUrl(String(address), 'jwks_uri');
  } catch (error) {
    throw failure('its discovery document gives no https:// address of the keys', error);
  }
}

async function readKeys(file: string, files: Files): Promise<unknown> {
  try {
    return JSON.parse((await read(file, files)).toString('utf8'));
  } catch (error) {
    throw error instanceof KeysteadError ? error : failure(`${file} is not JSON`, error);
  }
}

async function read(file: string, { readFile }: Files): Promise<Buffer> {
  try {
    return await readFile(file, MAX_FILE);
  } catch (error) {
    throw failure(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`, error);
  }
}

function failure(why: string, cause?: unknown): KeysteadError {
  return new KeysteadError(REASON, why, { cause });
}
