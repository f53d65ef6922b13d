#!/usr/bin/env node
// A fake of Google Cloud KMS: symmetric keys over gRPC, in memory, on loopback.
//
// It is ours because no published emulator serves Encrypt and Decrypt with additional authenticated data (see
// README.md). The wire format is not ours: the service definition is the proto bundle that ships in
// @google-cloud/kms, so a request that the official client can send is a request that this server parses.
//
//   node gcp-kms.mjs --port 18310 --tls-port 18311 --cert server.crt --key server.key
//
// --port serves plaintext gRPC without credentials. --tls-port serves TLS, and refuses a call without
// `authorization: Bearer …` metadata with UNAUTHENTICATED (it does not verify the token). One store behind both.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

const require = createRequire(import.meta.url);
const grpc = require('@grpc/grpc-js');
const protoLoader = require('@grpc/proto-loader');
const bundle = require('@google-cloud/kms/build/protos/protos.json');

const { values: args } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '18310' },
    'tls-port': { type: 'string', default: '18311' },
    cert: { type: 'string' },
    key: { type: 'string' },
  },
});

// ---------------------------------------------------------------------------------------------- errors
class Status extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}
const fail = (code) => (message) => {
  throw new Status(grpc.status[code], message);
};
const invalid = fail('INVALID_ARGUMENT');
const notFound = fail('NOT_FOUND');
const exists = fail('ALREADY_EXISTS');
const precondition = fail('FAILED_PRECONDITION');
const unimplemented = fail('UNIMPLEMENTED');

// ------------------------------------------------------------------------------------ CRC32C (Castagnoli)
const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k += 1) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c >>> 0;
});
export function crc32c(bytes) {
  let c = 0xffffffff;
  for (const b of bytes) c = TABLE[(c ^ b) & 0xff] ^ (c >>> 8);
  return (c ^ 0xffffffff) >>> 0;
}
/** Checks a checksum that came with a request. Answers whether one came (the `verified_…` field). */
function checkCrc(field, bytes, wrapper) {
  if (wrapper === null || wrapper === undefined) return false;
  if (Number(wrapper.value) !== crc32c(bytes)) {
    invalid(`The checksum in field ${field}_crc32c did not match the data in field ${field}.`);
  }
  return true;
}

// ---------------------------------------------------------------------------------------------- the store
const keyRings = new Map(); // name -> KeyRing
const cryptoKeys = new Map(); // name -> { key, versions: [{ pb, material }] }
const now = () => {
  const ms = Date.now();
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 };
};

const RING = /^projects\/([^/]+)\/locations\/([^/]+)\/keyRings\/([^/]+)$/;
const KEY = /^(projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+)\/cryptoKeys\/([^/]+)$/;
const VERSION = /^(projects\/[^/]+\/locations\/[^/]+\/keyRings\/[^/]+\/cryptoKeys\/[^/]+)\/cryptoKeyVersions\/(\d+)$/;
const ID = /^[a-zA-Z0-9_-]{1,63}$/;

function ring(name) {
  if (!RING.test(name)) invalid(`Resource field "name" is malformed: ${name}`);
  return keyRings.get(name) ?? notFound(`KeyRing ${name} not found.`);
}
function entry(name) {
  if (!KEY.test(name)) invalid(`Resource field "name" is malformed: ${name}`);
  return cryptoKeys.get(name) ?? notFound(`CryptoKey ${name} not found.`);
}
function version(name) {
  const m = VERSION.exec(name);
  if (!m) invalid(`Resource field "name" is malformed: ${name}`);
  return entry(m[1]).versions[Number(m[2]) - 1] ?? notFound(`CryptoKeyVersion ${name} not found.`);
}
function addVersion(e) {
  const v = {
    material: randomBytes(32),
    pb: {
      name: `${e.key.name}/cryptoKeyVersions/${e.versions.length + 1}`,
      state: 'ENABLED',
      protectionLevel: e.key.versionTemplate.protectionLevel,
      algorithm: 'GOOGLE_SYMMETRIC_ENCRYPTION',
      createTime: now(),
      generateTime: now(),
    },
  };
  e.versions.push(v);
  return v;
}
/** The key as the API shows it: `primary` is the current state of the primary version. */
const view = (e) => ({ ...e.key, primary: e.primary ? e.primary.pb : null });

function enabled(v) {
  if (v.pb.state !== 'ENABLED') precondition(`${v.pb.name} is not enabled, current state is: ${v.pb.state}.`);
  return v;
}

// ------------------------------------------------------------------------------------------------- limits
const LIMIT = 64 * 1024; // SOFTWARE: plaintext and AAD, each. HSM: both together 8 KiB.
function checkSizes(level, plaintext, aad) {
  if (level === 'HSM') {
    if (plaintext.length + aad.length > 8192)
      invalid(
        'The combined length of the plaintext and additional_authenticated_data fields must be no larger than 8KiB.',
      );
    return;
  }
  if (plaintext.length > LIMIT) invalid(`The plaintext must be no larger than 64KiB, got ${plaintext.length} bytes.`);
  if (aad.length > LIMIT)
    invalid(`The additional_authenticated_data must be no larger than 64KiB, got ${aad.length} bytes.`);
}

// Ciphertext: magic, version number (4 bytes), IV (12), tag (16), body. The name of the key is authenticated, so a
// ciphertext of one key does not decrypt under another one.
const MAGIC = Buffer.from([0x0a, 0x24, 0x00]);
const bind = (name, aad) => Buffer.concat([Buffer.from(`${name}\0`), aad]);
function seal(v, number, keyName, plaintext, aad) {
  const iv = randomBytes(12);
  const c = createCipheriv('aes-256-gcm', v.material, iv).setAAD(bind(keyName, aad));
  const body = Buffer.concat([c.update(plaintext), c.final()]);
  const n = Buffer.alloc(4);
  n.writeUInt32BE(number);
  return Buffer.concat([MAGIC, n, iv, c.getAuthTag(), body]);
}
const WRONG = "Decryption failed: verify that 'name' refers to the correct CryptoKey.";
function open(e, blob, aad) {
  if (blob.length < 35 || !blob.subarray(0, 3).equals(MAGIC)) invalid('Decryption failed: the ciphertext is invalid.');
  const v = e.versions[blob.readUInt32BE(3) - 1] ?? invalid(WRONG);
  if (v.pb.state !== 'ENABLED') enabled(v);
  try {
    const d = createDecipheriv('aes-256-gcm', v.material, blob.subarray(7, 19))
      .setAAD(bind(e.key.name, aad))
      .setAuthTag(blob.subarray(19, 35));
    return { v, plaintext: Buffer.concat([d.update(blob.subarray(35)), d.final()]) };
  } catch {
    return invalid(WRONG);
  }
}

// ------------------------------------------------------------------------------------------------- the API
const page = (all, request, field) => {
  const size = request.pageSize || 100;
  const start = request.pageToken ? Number(request.pageToken) : 0;
  const next = start + size;
  return {
    [field]: all.slice(start, next),
    nextPageToken: next < all.length ? String(next) : '',
    totalSize: all.length,
  };
};
const masked = (mask, field) => (mask?.paths ?? []).some((p) => p === field);

const api = {
  CreateKeyRing({ parent, keyRingId }) {
    if (!/^projects\/[^/]+\/locations\/[^/]+$/.test(parent)) invalid(`Resource field "parent" is malformed: ${parent}`);
    if (!ID.test(keyRingId)) invalid('key_ring_id is invalid.');
    const name = `${parent}/keyRings/${keyRingId}`;
    if (keyRings.has(name)) exists(`KeyRing ${name} already exists.`);
    keyRings.set(name, { name, createTime: now() });
    return keyRings.get(name);
  },
  GetKeyRing: ({ name }) => ring(name),
  ListKeyRings: (r) =>
    page(
      [...keyRings.values()].filter((k) => k.name.startsWith(`${r.parent}/keyRings/`)),
      r,
      'keyRings',
    ),

  CreateCryptoKey({ parent, cryptoKeyId, cryptoKey, skipInitialVersionCreation }) {
    ring(parent);
    if (!ID.test(cryptoKeyId)) invalid('crypto_key_id is invalid.');
    if (cryptoKey?.purpose !== 'ENCRYPT_DECRYPT') {
      if (!cryptoKey || cryptoKey.purpose === 'CRYPTO_KEY_PURPOSE_UNSPECIFIED')
        invalid('The field crypto_key.purpose is required.');
      unimplemented('This fake serves purpose ENCRYPT_DECRYPT only.');
    }
    const name = `${parent}/cryptoKeys/${cryptoKeyId}`;
    if (cryptoKeys.has(name)) exists(`CryptoKey ${name} already exists.`);
    const level = cryptoKey.versionTemplate?.protectionLevel;
    const e = {
      versions: [],
      primary: null,
      key: {
        name,
        purpose: 'ENCRYPT_DECRYPT',
        createTime: now(),
        labels: cryptoKey.labels ?? {},
        rotationPeriod: cryptoKey.rotationPeriod,
        nextRotationTime: cryptoKey.nextRotationTime,
        destroyScheduledDuration: cryptoKey.destroyScheduledDuration ?? { seconds: 30 * 86400, nanos: 0 },
        versionTemplate: {
          protectionLevel: !level || level === 'PROTECTION_LEVEL_UNSPECIFIED' ? 'SOFTWARE' : level,
          algorithm: 'GOOGLE_SYMMETRIC_ENCRYPTION',
        },
      },
    };
    if (!skipInitialVersionCreation) e.primary = addVersion(e);
    cryptoKeys.set(name, e);
    return view(e);
  },
  GetCryptoKey: ({ name }) => view(entry(name)),
  ListCryptoKeys: (r) => {
    ring(r.parent);
    return page(
      [...cryptoKeys.values()].filter((e) => e.key.name.startsWith(`${r.parent}/cryptoKeys/`)).map(view),
      r,
      'cryptoKeys',
    );
  },
  UpdateCryptoKey({ cryptoKey, updateMask }) {
    const e = entry(cryptoKey.name);
    if (!updateMask?.paths?.length) invalid('The field update_mask is required.');
    for (const [path, field] of [
      ['labels', 'labels'],
      ['rotation_period', 'rotationPeriod'],
      ['next_rotation_time', 'nextRotationTime'],
    ]) {
      if (masked(updateMask, path)) e.key[field] = cryptoKey[field];
    }
    return view(e);
  },
  UpdateCryptoKeyPrimaryVersion({ name, cryptoKeyVersionId }) {
    const e = entry(name);
    e.primary = enabled(version(`${name}/cryptoKeyVersions/${cryptoKeyVersionId}`));
    return view(e);
  },

  CreateCryptoKeyVersion: ({ parent }) => addVersion(entry(parent)).pb, // a new version is not primary by itself
  GetCryptoKeyVersion: ({ name }) => version(name).pb,
  ListCryptoKeyVersions: (r) =>
    page(
      entry(r.parent).versions.map((v) => v.pb),
      r,
      'cryptoKeyVersions',
    ),
  UpdateCryptoKeyVersion({ cryptoKeyVersion, updateMask }) {
    const v = version(cryptoKeyVersion.name);
    if (!masked(updateMask, 'state')) invalid('The field update_mask must contain state.');
    if (!['ENABLED', 'DISABLED'].includes(cryptoKeyVersion.state))
      invalid('state can only be set to ENABLED or DISABLED.');
    if (!['ENABLED', 'DISABLED'].includes(v.pb.state))
      precondition(`${v.pb.name} cannot be changed in state ${v.pb.state}.`);
    v.pb.state = cryptoKeyVersion.state;
    return v.pb;
  },
  DestroyCryptoKeyVersion({ name }) {
    const v = version(name);
    if (!['ENABLED', 'DISABLED'].includes(v.pb.state))
      precondition(`${v.pb.name} cannot be destroyed in state ${v.pb.state}.`);
    v.pb.state = 'DESTROY_SCHEDULED';
    const { seconds } = entry(name.replace(/\/cryptoKeyVersions\/.*/, '')).key.destroyScheduledDuration;
    v.pb.destroyTime = { seconds: now().seconds + Number(seconds), nanos: 0 };
    return v.pb;
  },
  RestoreCryptoKeyVersion({ name }) {
    const v = version(name);
    if (v.pb.state !== 'DESTROY_SCHEDULED') precondition(`${v.pb.name} is not scheduled for destruction.`);
    v.pb.state = 'DISABLED';
    v.pb.destroyTime = null;
    return v.pb;
  },

  Encrypt(r) {
    const named = VERSION.exec(r.name);
    const e = entry(named ? named[1] : r.name);
    const v = named ? version(r.name) : e.primary;
    if (!v) precondition(`${r.name} has no primary version.`);
    enabled(v);
    const aad = r.additionalAuthenticatedData;
    checkSizes(v.pb.protectionLevel, r.plaintext, aad);
    const verifiedPlaintextCrc32c = checkCrc('plaintext', r.plaintext, r.plaintextCrc32c);
    const verifiedAdditionalAuthenticatedDataCrc32c = checkCrc(
      'additional_authenticated_data',
      aad,
      r.additionalAuthenticatedDataCrc32c,
    );
    const ciphertext = seal(v, e.versions.indexOf(v) + 1, e.key.name, r.plaintext, aad);
    return {
      name: v.pb.name,
      ciphertext,
      ciphertextCrc32c: { value: crc32c(ciphertext) },
      verifiedPlaintextCrc32c,
      verifiedAdditionalAuthenticatedDataCrc32c,
      protectionLevel: v.pb.protectionLevel,
    };
  },
  Decrypt(r) {
    const e = entry(r.name); // the name of a version is refused: the server finds the version in the ciphertext
    checkCrc('ciphertext', r.ciphertext, r.ciphertextCrc32c);
    checkCrc('additional_authenticated_data', r.additionalAuthenticatedData, r.additionalAuthenticatedDataCrc32c);
    const { v, plaintext } = open(e, r.ciphertext, r.additionalAuthenticatedData);
    return {
      plaintext,
      plaintextCrc32c: { value: crc32c(plaintext) },
      usedPrimary: v === e.primary,
      protectionLevel: v.pb.protectionLevel,
    };
  },
  GenerateRandomBytes({ lengthBytes, protectionLevel }) {
    if (protectionLevel !== 'HSM') invalid('protection_level must be HSM.');
    if (lengthBytes < 8 || lengthBytes > 1024) invalid('length_bytes must be between 8 and 1024.');
    const data = randomBytes(lengthBytes);
    return { data, dataCrc32c: { value: crc32c(data) } };
  },
};

// ---------------------------------------------------------------------------------------------- the server
const definition = protoLoader.fromJSON(bundle, { longs: Number, enums: String, defaults: true, bytes: Buffer });
const service = grpc.loadPackageDefinition(definition).google.cloud.kms.v1.KeyManagementService.service;
function serve(port, credentials, needsToken) {
  const handlers = {};
  for (const method of Object.keys(service).filter((m) => api[m])) {
    // grpc-js answers UNIMPLEMENTED for the rest
    handlers[method] = (call, callback) => {
      try {
        if (needsToken && !/^Bearer \S+/.test(call.metadata.get('authorization')[0] ?? '')) {
          throw new Status(grpc.status.UNAUTHENTICATED, 'Request is missing required authentication credential.');
        }
        callback(null, api[method](call.request));
      } catch (e) {
        callback({ code: e.code ?? grpc.status.INTERNAL, message: e.message });
      }
    };
  }
  const server = new grpc.Server();
  server.addService(service, handlers);
  server.bindAsync(`${args.host}:${port}`, credentials, (error) => {
    if (error) {
      process.stderr.write(`${error.message}\n`);
      process.exit(1);
    }
    process.stdout.write(`fake Cloud KMS on ${args.host}:${port}${needsToken ? ' (TLS, with token)' : ''}\n`);
  });
}
serve(args.port, grpc.ServerCredentials.createInsecure(), false);
if (args.cert) {
  const pair = { cert_chain: readFileSync(args.cert), private_key: readFileSync(args.key) };
  serve(args['tls-port'], grpc.ServerCredentials.createSsl(null, [pair]), true);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
