import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type JWTPayload, SignJWT } from 'jose';

type Test = { teardown(fn: () => unknown): void };

/** A key that an issuer signs with. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

export function signingKey(kid: string, alg: 'ES256' | 'RS256' | 'EdDSA' = 'ES256'): SigningKey {
  const pair = {
    ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
    EdDSA: () => generateKeyPairSync('ed25519'),
  }[alg]();
  return { kid, alg, ...pair };
}

/** What an issuer publishes of a key. */
export function publicJwk({ kid, alg, publicKey }: SigningKey): Record<string, unknown> {
  return { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' };
}

/** A token as Kubernetes or an OIDC issuer makes it; `now` in milliseconds. */
export function signed(key: SigningKey, claims: JWTPayload, now: number, header: object = {}): Promise<string> {
  const seconds = Math.floor(now / 1000);
  const all = { iat: seconds, nbf: seconds, exp: seconds + 600, ...claims };
  return new SignJWT(all).setProtectedHeader({ alg: key.alg, kid: key.kid, ...header }).sign(key.privateKey);
}

/** The claims of a bound ServiceAccount token. */
export function accountClaims(iss: string, aud: string, namespace = 'team-a', name = 'web'): JWTPayload {
  return {
    iss,
    aud: [aud],
    sub: `system:serviceaccount:${namespace}:${name}`,
    'kubernetes.io': { namespace, serviceaccount: { name, uid: '7c9e6679-7425-40de-944b-e07fc1f90ae7' } },
  };
}

export interface Issuer {
  readonly url: string;
  /** Paths of the requests, in order, with the authorization that came with each. */
  readonly asked: { readonly path: string; readonly authorization: string | undefined }[];
  keys: SigningKey[];
  /** Takes the place of the answer to everything. */
  answer: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;
  /** Of the discovery document, where it is not the plain truth. */
  discovery: Record<string, unknown>;
}

/** An issuer on loopback, over HTTP or, with an identity, over TLS. */
export async function openIssuer(t: Test, tls?: { readonly cert: string; readonly key: string }): Promise<Issuer> {
  const issuer: Issuer & { url: string } = { url: '', asked: [], keys: [], answer: undefined, discovery: {} };
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    issuer.asked.push({ path: request.url ?? '', authorization: request.headers.authorization });
    if (issuer.answer !== undefined) return issuer.answer(request, response);
    response.setHeader('content-type', 'application/json');
    if (request.url === '/keys') return response.end(JSON.stringify({ keys: issuer.keys.map(publicJwk) }));
    if (request.url === '/.well-known/openid-configuration') {
      return response.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys`, ...issuer.discovery }));
    }
    response.statusCode = 404;
    return response.end('{}');
  };
  const server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  issuer.url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return issuer;
}
