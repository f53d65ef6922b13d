import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { readSmallFile } from '../config/read-small-file.ts';
import type { Config } from '../config/schema.ts';
import { KeysteadError } from '../core/errors.ts';

/** What both listeners are opened with: PEM, TLS 1.3 only. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** The CA that client certificates must come from; absent: none is asked for. */
  readonly clientCa?: Buffer;
}

/** Bytes: a chain of a few certificates has some kilobytes; what is larger is not one. */
const MAX_FILE = 1024 * 1024;

/**
 * Reads the TLS files of the configuration. Undefined when none is given; throws `bad-config` or `no-file`, naming the
 * file, when one is missing, is not PEM, or when the key does not belong to the certificate.
 */
export async function readTls(config: Config['tls']): Promise<TlsMaterial | undefined> {
  const { certFile, keyFile, clientCaFile } = config;
  if (certFile === undefined && keyFile === undefined && clientCaFile === undefined) return undefined;
  if (certFile === undefined || keyFile === undefined) {
    const missing = certFile === undefined ? 'tls.certFile' : 'tls.keyFile';
    throw new KeysteadError('bad-config', `TLS needs a certificate and its key; ${missing} is not given`);
  }
  const [cert, key] = await Promise.all([read(certFile), read(keyFile)]);
  checkPair(cert, certFile, key, keyFile);
  if (clientCaFile === undefined) return { cert, key };
  const clientCa = await read(clientCaFile);
  parse(clientCaFile, 'a PEM certificate', () => new X509Certificate(clientCa));
  return { cert, key, clientCa };
}

/** In the words of `node:tls`, for a listener that is open already. */
export function secureContext({ cert, key, clientCa }: TlsMaterial): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.3', ...(clientCa === undefined ? {} : { ca: clientCa }) };
}

function checkPair(cert: Buffer, certFile: string, key: Buffer, keyFile: string): void {
  const certificate = parse(certFile, 'a PEM certificate', () => new X509Certificate(cert));
  const privateKey = parse(keyFile, 'a PEM private key without a passphrase', () => createPrivateKey(key));
  if (!certificate.checkPrivateKey(privateKey)) {
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

async function read(file: string): Promise<Buffer> {
  try {
    return await readSmallFile(file, MAX_FILE);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR')
      throw new KeysteadError('no-file', `the TLS file ${file} is not there`, { cause: error });
    throw new KeysteadError('bad-config', `the TLS file ${file} cannot be read (${code ?? 'unknown'})`, {
      cause: error,
    });
  }
}
