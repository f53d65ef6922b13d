import { createPrivateKey } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Config } from '../config/schema.ts';
import { certificatesIn } from '../core/certificates.ts';
import { KeysteadError } from '../core/errors.ts';
import { unreadable } from '../core/unreadable.ts';
import type { Ambient } from './ambient.ts';

/** What both listeners are opened with: PEM, TLS 1.3 only. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** The CA that client certificates must come from; absent: none is asked for. */
  readonly clientCa?: Buffer;
}

type ReadFile = Ambient['readFile'];

/** Bytes: a chain of a few certificates has some kilobytes; what is larger is not one. */
export const MAX_TLS_FILE = 1024 * 1024;
const CERTIFICATES = 'a PEM certificate';

/**
 * Reads the TLS files of the configuration. Undefined when none is given. Throws, naming the file: `no-file` when one is
 * missing, `cannot-read` when it cannot be read, `bad-config` when it is not PEM or the key does not belong to the
 * certificate.
 */
export async function readTls(config: Partial<Config['tls']>, readFile: ReadFile): Promise<TlsMaterial | undefined> {
  const { certFile, keyFile, clientCaFile } = config;
  if (certFile === undefined && keyFile === undefined && clientCaFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    const missing = certFile === undefined ? 'tls.certFile' : 'tls.keyFile';
    throw new KeysteadError('bad-config', `TLS needs a certificate and its key; ${missing} is not given`);
  }
  const read = (file: string) => readPem(file, readFile);
  const [cert, key] = await Promise.all([read(certFile), read(keyFile)]);
  checkPair(cert, certFile, key, keyFile);
  if (clientCaFile === undefined) return { cert, key };
  const clientCa = await read(clientCaFile);
  parse(clientCaFile, CERTIFICATES, () => certificatesIn(clientCa));
  return { cert, key, clientCa };
}

function checkPair(cert: Buffer, certFile: string, key: Buffer, keyFile: string): void {
  const [certificate] = parse(certFile, CERTIFICATES, () => certificatesIn(cert));
  const privateKey = parse(keyFile, 'a PEM private key without a passphrase', () => createPrivateKey(key));
  if (!certificate?.checkPrivateKey(privateKey)) {
    throw new KeysteadError(
      'bad-config',
      `the private key in ${keyFile} does not belong to the certificate in ${certFile}`,
    );
  }
  // What a listener would refuse later (a key too short, a broken chain), it refuses now.
  parse(certFile, 'a certificate chain fit for TLS', () => createSecureContext({ cert, key, minVersion: 'TLSv1.3' }));
}

/** The parser's own words may quote the file, a private key among them: they stay in `cause`. */
function parse<T>(file: string, what: string, parser: () => T): T {
  try {
    return parser();
  } catch (error) {
    throw new KeysteadError('bad-config', `${file} does not hold ${what}`, { cause: error });
  }
}

async function readPem(file: string, readFile: ReadFile): Promise<Buffer> {
  try {
    return await readFile(file, MAX_TLS_FILE);
  } catch (error) {
    throw unreadable(`the TLS file ${file}`, error);
  }
}
