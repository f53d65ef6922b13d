// Data that matters as long as the process lives: no repository, no callback. The manager keeps the key of the last forward.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { KeyManager, type SecretKeyValue } from 'keystead/key-manager';

function seal(text: string, key: SecretKeyValue): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key.bytes(), nonce);
  return Buffer.concat([nonce, cipher.update(text), cipher.final(), cipher.getAuthTag()]);
}

function open(sealed: Buffer, key: SecretKeyValue): string {
  const decipher = createDecipheriv('aes-256-gcm', key.bytes(), sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(-16));
  return decipher.update(sealed.subarray(12, -16)).toString() + decipher.final().toString();
}

let configured = randomBytes(32);
const keys = new KeyManager();
keys.defineKey({ name: 'basket', store: () => configured, useCase: 'ROUND_TRIP' });

const basket = seal('3 apples', await keys.getForwardPathKey('basket'));
configured = randomBytes(32);
process.stdout.write(`opened with the key of before: ${open(basket, await keys.getBackPathKey('basket'))}\n`);
process.stdout.write(`and again: ${open(basket, await keys.getBackPathKey('basket'))}\n`);

const next = seal('4 apples', await keys.getForwardPathKey('basket'));
process.stdout.write(`the next one is under the new key: ${open(next, await keys.getBackPathKey('basket'))}\n`);
