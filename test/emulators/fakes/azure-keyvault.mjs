#!/usr/bin/env node
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  verify,
} from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
// A fake of Azure Key Vault keys and of Managed HSM: REST over HTTPS, in memory, on loopback. No dependencies.
//
// It is ours because no published emulator that can be installed here serves key operations (see README.md).
//
//   node azure-keyvault.mjs --cert server.crt --key server.key --authority https://127.0.0.1:18400/tenant-1
//
//   --port      18210  vault (RSA keys; tokens for https://vault.azure.net)
//   --hsm-port  18211  Managed HSM (also oct-HSM keys: AES-KW, AES-GCM; tokens for https://managedhsm.azure.net)
//   --imds-port 18212  plain HTTP: the token endpoint of a virtual machine, for ManagedIdentityCredential
//   --authority        the tenant at the token issuer. It goes into the 401 challenge; the keys of
//                      <authority>/v2.0/jwks verify every token (signature, times, audience, issuer).
//
// A valid token whose `sub` is "no-access" is answered with 403, so that a missing role can be tested.
import https from 'node:https';
import { parseArgs } from 'node:util';

const { values: args } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '18210' },
    'hsm-port': { type: 'string', default: '18211' },
    'imds-port': { type: 'string', default: '18212' },
    cert: { type: 'string' },
    key: { type: 'string' },
    authority: { type: 'string', default: 'https://127.0.0.1:18400/tenant-1' },
  },
});
const issuer = `${args.authority}/v2.0`;

class ApiError extends Error {
  constructor(status, code, message, inner) {
    super(message);
    Object.assign(this, { status, code, inner });
  }
}
const bad = (message) => {
  throw new ApiError(400, 'BadParameter', message);
};
const forbidden = (inner, message) => {
  throw new ApiError(403, 'Forbidden', message, inner);
};
const b64 = (buffer) => Buffer.from(buffer).toString('base64url');
const seconds = () => Math.floor(Date.now() / 1000);

// ------------------------------------------------------------------------------------------------- tokens
let jwks = new Map();
async function publicKeyFor(kid) {
  if (!jwks.has(kid)) {
    const { keys } = await (await fetch(`${issuer}/jwks`)).json();
    jwks = new Map(keys.map((k) => [k.kid, createPublicKey({ key: k, format: 'jwk' })]));
  }
  return jwks.get(kid);
}
/** The claims of a valid token, or the reason why it is not one. */
async function authenticate(header, audience) {
  const token = /^Bearer (\S+)$/.exec(header ?? '')?.[1];
  if (!token) return { reason: 'AKV10000: Request is missing a Bearer or PoP token.' };
  try {
    const [head, body, signature] = token.split('.');
    const { alg, kid } = JSON.parse(Buffer.from(head, 'base64url'));
    const claims = JSON.parse(Buffer.from(body, 'base64url'));
    const key = await publicKeyFor(kid);
    if (
      alg !== 'RS256' ||
      !key ||
      !verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url'))
    ) {
      return { reason: 'AKV10032: Invalid issuer or signature.' };
    }
    if (claims.exp <= seconds() || claims.nbf > seconds())
      return { reason: 'AKV10001: Token is expired or not yet valid.' };
    if (claims.iss !== issuer) return { reason: `AKV10032: Invalid issuer. Expected ${issuer}, found ${claims.iss}.` };
    if (![claims.aud].flat().includes(audience))
      return { reason: `AKV10022: Invalid audience. Expected ${audience}, found: ${claims.aud}.` };
    return { claims };
  } catch (e) {
    return { reason: `AKV10005: Token cannot be parsed (${e.message}).` };
  }
}

// --------------------------------------------------------------------------------------------------- keys
const RSA_OPS = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'];
const AES_OPS = ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'];
const NAME = /^[0-9a-zA-Z-]{1,127}$/;
const OAEP = { 'RSA-OAEP': 'sha1', 'RSA-OAEP-256': 'sha256' };
const KW_IV = Buffer.from('a6a6a6a6a6a6a6a6', 'hex'); // RFC 3394

function material(kty, size, hsm) {
  if (kty === 'RSA' || kty === 'RSA-HSM') {
    if (hsm && kty === 'RSA') bad('Managed HSM supports RSA-HSM, not RSA.');
    const modulusLength = size ?? 2048;
    if (![2048, 3072, 4096].includes(modulusLength)) bad('Invalid RSA key size. Valid sizes are 2048, 3072 and 4096.');
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength });
    return { privateKey };
  }
  if (kty === 'oct-HSM' && hsm) {
    const bits = size ?? 256;
    if (![128, 192, 256].includes(bits)) bad('Invalid AES key size. Valid sizes are 128, 192 and 256.');
    return { secret: randomBytes(bits / 8) };
  }
  return bad(`Unsupported kty ${kty}.${kty?.startsWith('oct') ? ' Symmetric keys need a Managed HSM.' : ''}`);
}

/** One cryptographic operation. The operation itself decides whether the algorithm fits the key. */
function compute(op, version, { alg, value, iv, tag, aad }) {
  const input = Buffer.from(value ?? '', 'base64url');
  const wraps = op === 'encrypt' || op === 'wrapKey';
  if (version.privateKey && OAEP[alg]) {
    const options = { key: version.privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: OAEP[alg] };
    return {
      value: wraps
        ? publicEncrypt({ ...options, key: createPublicKey(version.privateKey) }, input)
        : privateDecrypt(options, input),
    };
  }
  const bits = version.secret ? version.secret.length * 8 : 0;
  if (bits && alg === `A${bits}KW` && (op === 'wrapKey' || op === 'unwrapKey')) {
    const c = (wraps ? createCipheriv : createDecipheriv)(`id-aes${bits}-wrap`, version.secret, KW_IV);
    return { value: Buffer.concat([c.update(input), c.final()]) };
  }
  if (bits && alg === `A${bits}GCM` && (op === 'encrypt' || op === 'decrypt')) {
    const extra = Buffer.from(aad ?? '', 'base64url');
    const nonce = wraps ? randomBytes(12) : Buffer.from(iv ?? '', 'base64url');
    const c = (wraps ? createCipheriv : createDecipheriv)(`aes-${bits}-gcm`, version.secret, nonce).setAAD(extra);
    if (!wraps) c.setAuthTag(Buffer.from(tag ?? '', 'base64url'));
    const out = Buffer.concat([c.update(input), c.final()]);
    return wraps ? { value: out, iv: nonce, tag: c.getAuthTag(), aad: extra } : { value: out };
  }
  return bad(`Algorithm ${alg} is not supported for ${op} with this key.`);
}

function createVault({ hsm, port }) {
  const base = `https://${args.host}:${port}`;
  const resource = hsm ? 'https://managedhsm.azure.net' : 'https://vault.azure.net';
  const keys = new Map(); // name -> [version…], the newest last
  const deleted = new Map(); // name -> { versions, deletedDate }
  const policies = new Map();

  const kid = (name, v) => `${base}/keys/${name}/${v.id}`;
  const find = (name) =>
    keys.get(name) ??
    (() => {
      throw new ApiError(404, 'KeyNotFound', `A key with (name/id) ${name} was not found in this key vault.`);
    })();
  const pick = (name, id) => {
    const versions = find(name);
    return id
      ? (versions.find((v) => v.id === id) ??
          (() => {
            throw new ApiError(
              404,
              'KeyNotFound',
              `A key with (name/id) ${name}/${id} was not found in this key vault.`,
            );
          })())
      : versions.at(-1);
  };
  const attributes = (v) => ({ ...v.attributes, recoveryLevel: 'Recoverable+Purgeable', recoverableDays: 90 });
  const bundle = (name, v) => {
    const jwk = v.privateKey ? createPublicKey(v.privateKey).export({ format: 'jwk' }) : {};
    return {
      key: { kid: kid(name, v), kty: v.kty, key_ops: v.ops, ...(jwk.n && { n: jwk.n, e: jwk.e }) },
      attributes: attributes(v),
      tags: v.tags,
    };
  };
  const item = (name, v, withVersion) => ({
    kid: withVersion ? kid(name, v) : `${base}/keys/${name}`,
    attributes: attributes(v),
    tags: v.tags,
  });
  const gone = (name) => {
    const d =
      deleted.get(name) ??
      (() => {
        throw new ApiError(404, 'KeyNotFound', `A deleted key with (name/id) ${name} was not found in this key vault.`);
      })();
    return {
      ...bundle(name, d.versions.at(-1)),
      recoveryId: `${base}/deletedkeys/${name}`,
      deletedDate: d.date,
      scheduledPurgeDate: d.date + 90 * 86400,
    };
  };
  const page = (path, list, query) => {
    const size = Math.min(Number(query.get('maxresults') ?? 25), 25);
    const start = Number(query.get('$skiptoken') ?? 0);
    const more = start + size < list.length;
    return {
      value: list.slice(start, start + size),
      nextLink: more
        ? `${base}${path}?api-version=${query.get('api-version')}&maxresults=${size}&$skiptoken=${start + size}`
        : null,
    };
  };
  const add = (name, { kty, key_size: size, key_ops: ops, attributes: a = {}, tags = {} }, given) => {
    if (!NAME.test(name)) bad(`The request URI contains an invalid name: ${name}`);
    if (deleted.has(name))
      throw new ApiError(
        409,
        'Conflict',
        `Key ${name} is currently in a deleted but recoverable state, and its name cannot be reused.`,
        'ObjectIsDeletedButRecoverable',
      );
    const v = {
      ...(given ?? material(kty, size, hsm)),
      id: randomBytes(16).toString('hex'),
      kty,
      size,
      ops: ops?.length ? ops : kty.startsWith('oct') ? AES_OPS : RSA_OPS,
      attributes: { enabled: true, ...a, created: seconds(), updated: seconds() },
      tags,
    };
    keys.set(name, [...(keys.get(name) ?? []), v]);
    return bundle(name, v);
  };

  function use(name, id, op, body) {
    const v = pick(name, id);
    if (!v.attributes.enabled) forbidden('KeyDisabled', 'Operation is not allowed on a disabled key.');
    // A key past exp or before nbf still decrypts and unwraps: data must stay readable.
    if (op === 'encrypt' || op === 'wrapKey') {
      if (v.attributes.exp && v.attributes.exp <= seconds())
        forbidden('KeyExpired', 'Operation is not allowed on an expired key.');
      if (v.attributes.nbf && v.attributes.nbf > seconds())
        forbidden('KeyNotYetValid', 'Operation is not allowed on a key that is not yet valid.');
    }
    if (!v.ops.includes(op)) forbidden('KeyOperationForbidden', `Operation ${op} is not permitted on this key.`);
    let out;
    try {
      out = compute(op, v, body);
    } catch (e) {
      if (e instanceof ApiError) throw e;
      bad('The parameter is incorrect.');
    }
    return { kid: kid(name, v), ...Object.fromEntries(Object.entries(out).map(([k, x]) => [k, b64(x)])) };
  }

  /** Answers [status, body]. `parts` is the path without empty parts: /keys/n//wrapkey means the newest version. */
  function route(method, path, parts, query, body) {
    const [root, name, ...rest] = parts;
    const is = (m, ...words) =>
      method === m && rest.length === words.length && words.every((w, i) => w === '*' || rest[i].toLowerCase() === w);
    if (root === 'keys') {
      if (!name && method === 'GET')
        return [
          200,
          page(
            path,
            [...keys].map(([n, v]) => item(n, v.at(-1))),
            query,
          ),
        ];
      if (is('POST', 'create')) return [200, add(name, body)];
      if (is('PUT')) {
        const { key: jwk } = body;
        if (!jwk?.kty?.startsWith('RSA') || !jwk.d) bad('Only RSA keys can be imported.');
        return [
          200,
          add(
            name,
            { ...body, kty: jwk.kty, key_ops: jwk.key_ops },
            { privateKey: createPrivateKey({ key: { ...jwk, kty: 'RSA' }, format: 'jwk' }) },
          ),
        ];
      }
      if (is('GET')) return [200, bundle(name, pick(name))];
      if (is('GET', 'versions'))
        return [
          200,
          page(
            path,
            find(name).map((v) => item(name, v, true)),
            query,
          ),
        ];
      if (is('GET', 'rotationpolicy')) {
        find(name);
        return [
          200,
          policies.get(name) ?? { id: `${base}/keys/${name}/rotationpolicy`, lifetimeActions: [], attributes: {} },
        ];
      }
      if (is('PUT', 'rotationpolicy')) {
        find(name);
        policies.set(name, { ...body, id: `${base}/keys/${name}/rotationpolicy` });
        return [200, policies.get(name)];
      }
      if (is('POST', 'rotate')) {
        const old = pick(name);
        return [
          200,
          add(name, {
            kty: old.kty,
            key_size: old.size,
            key_ops: old.ops,
            tags: old.tags,
            attributes: { enabled: true },
          }),
        ];
      }
      if (is('GET', '*')) return [200, bundle(name, pick(name, rest[0]))];
      if (is('PATCH') || is('PATCH', '*')) {
        const v = pick(name, rest[0]);
        Object.assign(v.attributes, body.attributes, { updated: seconds() });
        if (body.key_ops) v.ops = body.key_ops;
        if (body.tags) v.tags = body.tags;
        return [200, bundle(name, v)];
      }
      if (is('DELETE')) {
        deleted.set(name, { versions: find(name), date: seconds() });
        keys.delete(name);
        return [200, gone(name)];
      }
      const op = ['encrypt', 'decrypt', 'wrapKey', 'unwrapKey'].find(
        (o) => o.toLowerCase() === rest.at(-1)?.toLowerCase(),
      );
      if (method === 'POST' && op && rest.length <= 2)
        return [200, use(name, rest.length === 2 ? rest[0] : undefined, op, body)];
    }
    if (root === 'deletedkeys') {
      if (!name && method === 'GET')
        return [
          200,
          page(
            path,
            [...deleted.keys()].map((n) => gone(n)).map(({ key, ...d }) => ({ ...d, kid: key.kid })),
            query,
          ),
        ];
      if (is('GET')) return [200, gone(name)];
      if (is('DELETE')) {
        gone(name);
        deleted.delete(name);
        return [204];
      }
      if (is('POST', 'recover')) {
        gone(name);
        keys.set(name, deleted.get(name).versions);
        deleted.delete(name);
        return [200, bundle(name, pick(name))];
      }
    }
    if (root === 'rng' && method === 'POST' && hsm) {
      if (!(body.count >= 1 && body.count <= 128)) bad('count must be between 1 and 128.');
      return [200, { value: b64(randomBytes(body.count)) }];
    }
    throw new ApiError(404, 'NotFound', `This fake does not serve ${method} ${path}.`);
  }

  async function handle(request, response) {
    const url = new URL(request.url, base);
    const send = (status, body, headers = {}) => {
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
      response.end(body === undefined ? '' : JSON.stringify(body));
    };
    if (url.pathname === '/healthstatus') return send(200, { status: 'ok' });
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    try {
      const { claims, reason } = await authenticate(request.headers.authorization, resource);
      if (!claims) {
        return send(
          401,
          { error: { code: 'Unauthorized', message: reason } },
          { 'www-authenticate': `Bearer authorization="${args.authority}", resource="${resource}"` },
        );
      }
      if (claims.sub === 'no-access')
        forbidden('ForbiddenByRbac', 'Caller is not authorized to perform action on resource.');
      if (!url.searchParams.get('api-version')) bad('api-version must be specified.');
      const text = Buffer.concat(chunks).toString();
      const parts = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
      return send(...route(request.method, url.pathname, parts, url.searchParams, text ? JSON.parse(text) : {}));
    } catch (e) {
      const { status = 500, code = 'InternalError', message, inner } = e;
      return send(status, { error: { code, message, ...(inner && { innererror: { code: inner } }) } });
    }
  }
  https
    .createServer({ cert: readFileSync(args.cert), key: readFileSync(args.key) }, handle)
    .listen(Number(port), args.host, () =>
      process.stdout.write(`fake ${hsm ? 'Managed HSM' : 'Key Vault'} on ${base}\n`),
    );
}

// ---------------------------------------------------------------- the token endpoint of a virtual machine
// Like the real one it wants the header `Metadata: true`. The tokens come from the issuer.
http
  .createServer(async (request, response) => {
    const { searchParams: q, pathname } = new URL(request.url, 'http://imds');
    const send = (status, body) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    };
    if (pathname.replace(/\/$/, '') !== '/metadata/identity/oauth2/token') return send(404, { error: 'not_found' });
    if (request.headers.metadata !== 'true')
      return send(400, { error: 'invalid_request', error_description: 'Required metadata header not specified' });
    const resource = q.get('resource');
    const clientId = q.get('client_id') ?? 'system-assigned';
    try {
      const answer = await fetch(`${issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: clientId,
          client_secret: 'x',
          scope: `${resource}/.default`,
        }),
      });
      const { access_token: token, expires_in: lifetime } = await answer.json();
      return send(200, {
        access_token: token,
        client_id: clientId,
        expires_in: String(lifetime),
        expires_on: String(seconds() + lifetime),
        not_before: String(seconds()),
        resource,
        token_type: 'Bearer',
      });
    } catch (e) {
      return send(500, { error: 'unknown', error_description: e.message });
    }
  })
  .listen(Number(args['imds-port']), args.host);

createVault({ hsm: false, port: args.port });
createVault({ hsm: true, port: args['hsm-port'] });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
