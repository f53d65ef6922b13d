import { hash, type X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import type { ClientCertificate } from '../core/authenticator.ts';

/**
 * Gives the certificate that the peer of a connection has proved; undefined without TLS, without a certificate, and for
 * one that does not come from the client CA, which `tls.clientCertificate: optional` lets through the handshake.
 *
 * Promises: the same object each time for the same socket, read once.
 */
export function clientCertificates(): (socket: object) => ClientCertificate | undefined {
  const known = new WeakMap<object, { readonly certificate: ClientCertificate | undefined }>();
  return (socket) => {
    if (!(socket instanceof TLSSocket)) return undefined;
    const found = known.get(socket);
    if (found !== undefined) return found.certificate;
    const certificate = socket.authorized ? socket.getPeerX509Certificate() : undefined;
    const read = { certificate: certificate && readCertificate(certificate) };
    // Before the handshake has ended nothing is known for good.
    if (socket.getCipher()?.name !== undefined) known.set(socket, read);
    return read.certificate;
  };
}

function readCertificate(certificate: X509Certificate): ClientCertificate {
  const names = alternativeNames(certificate.subjectAltName ?? '');
  const of = (type: string) => names.filter(([each]) => each === type).map(([, value]) => value);
  return {
    uris: of('URI'),
    dnsNames: of('DNS'),
    publicKeySha256: hash('sha256', certificate.publicKey.export({ type: 'spki', format: 'der' })),
    notAfter: certificate.validToDate,
  };
}

/** As Node writes them, `TYPE:VALUE, TYPE:VALUE`: a value that could be read in two ways stands in quotes, as in JSON. */
const NAME = /([^:,"]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;

/** None at all where the text is not as expected: half a list of names may be another one. */
export function alternativeNames(text: string): readonly (readonly [type: string, value: string])[] {
  const names: [string, string][] = [];
  for (let at = 0; at < text.length; at = NAME.lastIndex) {
    NAME.lastIndex = at;
    const [, type, value] = NAME.exec(text) ?? [];
    if (type === undefined || value === undefined) return [];
    const plain = value.startsWith('"') ? unquoted(value) : value;
    if (plain === undefined) return [];
    names.push([type, plain]);
  }
  return names;
}

function unquoted(value: string): string | undefined {
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
