import { X509Certificate } from 'node:crypto';
import { KeysteadError } from './errors.ts';

const LABEL = /^-----BEGIN ([A-Z0-9 ]+)-----/;

/**
 * All certificates of a PEM file, in their order; what else there is in it does not count (RFC 7468). Throws where there
 * is none, or where one of its blocks is cut short or damaged: half a file would be taken for a shorter one.
 */
export function certificatesIn(pem: Buffer): readonly X509Certificate[] {
  const blocks = pem.toString('latin1').split(/(?=-----BEGIN)/);
  const found = blocks.slice(blocks[0]?.startsWith('-----BEGIN') ? 0 : 1).flatMap((block) => {
    const label = LABEL.exec(block)?.[1];
    if (label === undefined || !block.includes(`-----END ${label}-----`)) throw noCertificate('a block is cut short');
    return label.endsWith('CERTIFICATE') ? [new X509Certificate(block)] : [];
  });
  if (found.length === 0) throw noCertificate('there is no certificate');
  return found;
}

function noCertificate(why: string): KeysteadError {
  return new KeysteadError('bad-config', `the file is not PEM: ${why}`);
}
