// Data that must never be lost, under a key pair, over two lives of the process. Run it with a folder: `two-lifetimes.ts FOLDER`.
import { execFileSync } from 'node:child_process';
import { constants, generateKeyPairSync, privateDecrypt, publicEncrypt } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { KeyManager, moduleSource, openKeyManagerStorage, type StateRepository } from 'keystead/key-manager';

const [folder = '.', life = 'all'] = process.argv.slice(2);
const DATA = join(folder, 'people.sealed');
const KEYS = join(folder, 'keys.mjs');

/** A repository of your own: one file for each key. What comes is sealed already. */
const files: StateRepository = {
  readState: (name) => {
    const path = join(folder, `${name}.state`);
    return existsSync(path) ? Uint8Array.from(readFileSync(path)) : undefined;
  },
  writeState: (name, stored, { unused }) => {
    const path = join(folder, `${name}.state`);
    if (unused && existsSync(path)) return;
    writeFileSync(`${path}.new`, stored as Uint8Array, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  },
};

const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
const save = (people: string, key: string) => writeFileSync(DATA, publicEncrypt({ key, ...OAEP }, Buffer.from(people)));
const load = (key: string) => privateDecrypt({ key, ...OAEP }, readFileSync(DATA)).toString();

/** Key pairs belong to a module of the application, which an administrator changes. */
function newPair(): [string, string] {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return [publicKey, privateKey];
}

function writePair([seal, open]: [string, string]): void {
  writeFileSync(KEYS, `export const seal = ${JSON.stringify(seal)};\nexport const open = ${JSON.stringify(open)};\n`);
}

async function begin(): Promise<KeyManager> {
  // Who seals the states: the KEK of a KMS. Here one that lives in two variables of the environment.
  const { cryptoTool } = await openKeyManagerStorage({
    kms: 'kms://cluster-kms?key=env://MASTER_SECRET&salt=env://SALT',
    storage: 'storage://memory',
    env: { MASTER_SECRET: 'a master secret of at least 16 bytes', SALT: 'a salt of at least thirty-two bytes' },
  });
  const keys = new KeyManager({ stateRepository: files, cryptoTool });
  const store = moduleSource(pathToFileURL(KEYS), ['seal', 'open']);
  keys.defineKey({ name: 'people', store, useCase: 'ROUND_TRIP', stateless: false });
  keys.registerOnChange('people', async (old, next, key) => {
    const [, oldOpen] = old as [string, string];
    const pair = next as [string, string];
    if (key.getLastFlow() === 'FORWARD_PATH') {
      save(load(oldOpen), pair[0]);
      key.adopt(pair);
    }
    await keys.saveState('people');
  });
  return keys;
}

if (life === 'first') {
  const keys = await begin();
  save('Ada, Grace', (await keys.getForwardPathKey('people')).text());
  await keys.saveStates();
  process.stdout.write('first life: sealed\n');
} else if (life === 'second') {
  const keys = await begin();
  process.stdout.write(`second life: ${load((await keys.getBackPathKey('people')).text())}\n`);
  save('Ada, Grace, Edith', (await keys.getForwardPathKey('people')).text());
  // An administrator declares the change, then makes it.
  const module = (await import(pathToFileURL(KEYS).href)) as { seal: string; open: string };
  const next = newPair();
  await keys.keyChanged('people', [module.seal, module.open], next);
  writePair(next);
  process.stdout.write(`after the change: ${load((await keys.getBackPathKey('people')).text())}\n`);
} else {
  writePair(newPair());
  for (const one of ['first', 'second']) {
    // Between the two the module's keys change without a word, as they may while nobody runs.
    process.stdout.write(execFileSync(process.execPath, [fileURLToPath(import.meta.url), folder, one]));
    if (one === 'first') writePair(newPair());
  }
}
