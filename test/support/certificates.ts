import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';

export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface Authority extends Identity {
  /** A certificate for 127.0.0.1 and localhost, or for other names, fit for servers and clients. */
  issue(name: string, names?: Names): Identity;
  /** An authority between this one and those whom it issues certificates for. */
  between(name: string): Authority;
}

/** Subject alternative names. */
export interface Names {
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
}

/** A certificate authority of its own, on P-256, good for a day around now. */
export function authority(name: string): Authority {
  return authorityOf(name);
}

function authorityOf(name: string, above?: { readonly name: string; readonly privateKey: KeyObject }): Authority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const by = above ?? { name, privateKey: own.privateKey };
  return {
    cert: certificate(name, own.publicKey, by.name, by.privateKey, true),
    between: (each) => authorityOf(each, { name, privateKey: own.privateKey }),
    key: pem(own.privateKey),
    issue(subject, names) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return { cert: certificate(subject, publicKey, name, own.privateKey, false, names), key: pem(privateKey) };
    },
  };
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}

// X.509 (RFC 5280) in as much DER as these two kinds of certificate need.
const OID = {
  commonName: '550403',
  ecdsaWithSha256: '2a8648ce3d040302',
  basicConstraints: '551d13',
  subjectAltName: '551d11',
};

function certificate(
  subject: string,
  publicKey: KeyObject,
  issuer: string,
  signer: KeyObject,
  ca: boolean,
  given?: Names,
): string {
  const algorithm = sequence(oid(OID.ecdsaWithSha256));
  const day = 86_400_000;
  const validity = sequence(time(Date.now() - day), time(Date.now() + day));
  const own = [der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1]))];
  const uris = (given?.uris ?? []).map((uri) => der(0x86, Buffer.from(uri)));
  const dns = (given?.dns ?? []).map((name) => der(0x82, Buffer.from(name)));
  const names = sequence(...(given === undefined ? own : [...uris, ...dns]));
  const extension = ca
    ? sequence(oid(OID.basicConstraints), der(1, Buffer.from([0xff])), der(4, sequence(der(1, Buffer.from([0xff])))))
    : sequence(oid(OID.subjectAltName), der(4, names));
  const body = sequence(
    der(0xa0, der(2, Buffer.from([2]))),
    der(2, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    distinguished(issuer),
    validity,
    distinguished(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(extension)),
  );
  const signature = der(3, Buffer.concat([Buffer.from([0]), sign('sha256', body, signer)]));
  const lines = sequence(body, algorithm, signature)
    .toString('base64')
    .match(/.{1,64}/g) as string[];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function der(tag: number, content: Buffer): Buffer {
  const length = content.length;
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function oid(hex: string): Buffer {
  return der(6, Buffer.from(hex, 'hex'));
}

function distinguished(name: string): Buffer {
  return sequence(der(0x31, sequence(oid(OID.commonName), der(0x0c, Buffer.from(name)))));
}

function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14);
  return der(0x18, Buffer.from(`${digits}Z`));
}
