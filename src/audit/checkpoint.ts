import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { KeysteadError } from '../core/errors.ts';
import type { ChainHead } from './hash-chain.ts';
import type { Predecessor } from './place.ts';

/** Signs the heads of chains. */
export interface CheckpointSigner {
  /** 16 hex digits, by which a verifier finds the public key. */
  readonly keyId: string;
  sign(head: ChainHead): string;
}

/** What the signature of a checkpoint is over: the line that the checkpoint follows. */
function signed({ chain, seq, hash }: ChainHead): Buffer {
  return Buffer.from(`keystead/audit/checkpoint/v1\n${chain}\n${seq}\n${hash}\n`);
}

/** @param pem a PKCS #8 Ed25519 private key (RFC 8410). Throws `bad-config` that names `file`. */
export function checkpointSigner(pem: Buffer, file: string): CheckpointSigner {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (error) {
    throw new KeysteadError('bad-config', `${file} holds no PEM private key without a passphrase`, { cause: error });
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new KeysteadError(
      'bad-config',
      `${file} must hold an Ed25519 key; make one with "openssl genpkey -algorithm ed25519"`,
    );
  }
  return {
    keyId: keyIdOf(createPublicKey(key)),
    sign: (head) => sign(null, signed(head), key).toString('base64'),
  };
}

/** The first 16 hex digits of the SHA-256 of the SubjectPublicKeyInfo. */
export function keyIdOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex').slice(0, 16);
}

export function isSignedBy(publicKey: KeyObject, head: ChainHead, signature: string): boolean {
  const bytes = Buffer.from(signature, 'base64');
  return bytes.length === 64 && verify(null, signed(head), publicKey, bytes);
}

/** The line that begins a chain, not chained yet. */
export function openLine(time: Date, version: string, before: Predecessor | undefined): string {
  return body('open', time, { version, ...before });
}

/**
 * A line that vouches for all lines of its chain before it, signed where there is a signer.
 *
 * @param type `close` for the last line of a chain.
 */
export function checkpointLine(
  type: 'checkpoint' | 'close',
  time: Date,
  head: ChainHead,
  signer: CheckpointSigner | undefined,
): string {
  return body(type, time, signer === undefined ? {} : { key: signer.keyId, signature: signer.sign(head) });
}

function body(type: string, time: Date, more: object): string {
  return JSON.stringify({ audit: 2, time: time.toISOString(), type, ...more }).slice(0, -1);
}
