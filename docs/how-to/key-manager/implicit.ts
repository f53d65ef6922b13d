// A library that asks for "the key" and knows no directions. The manager tells them apart by turns.
import { constants, generateKeyPairSync, privateDecrypt, publicEncrypt } from 'node:crypto';
import { environmentSource, KeyManager } from 'keystead/key-manager';

/** Somebody else's library: one function gives it the key for everything. */
class Notes {
  readonly #keyFor: () => Promise<string>;
  #sealed = Buffer.alloc(0);

  constructor(keyFor: () => Promise<string>) {
    this.#keyFor = keyFor;
  }

  async write(text: string): Promise<void> {
    this.#sealed = publicEncrypt(
      { key: await this.#keyFor(), padding: constants.RSA_PKCS1_OAEP_PADDING },
      Buffer.from(text),
    );
  }

  async read(): Promise<string> {
    const key = { key: await this.#keyFor(), padding: constants.RSA_PKCS1_OAEP_PADDING };
    return privateDecrypt(key, this.#sealed).toString();
  }
}

const { publicKey, privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const env = { NOTES_SEAL: publicKey, NOTES_OPEN: privateKey };
const seal = environmentSource(env, 'NOTES_SEAL');
const open = environmentSource(env, 'NOTES_OPEN');

const keys = new KeyManager();
keys.defineKey({
  name: 'notes',
  store: async () => [(await seal.read()) as string, (await open.read()) as string],
  useCase: 'ROUND_TRIP',
});
const notes = new Notes(async () => (await keys.getKey('notes')).text());

await notes.write('buy milk');
process.stdout.write(`${await notes.read()}\n`);
await notes.write('buy bread');
process.stdout.write(`${await notes.read()}\n`);
process.stdout.write(`the last flow: ${keys.getLastFlow('notes')}\n`);
