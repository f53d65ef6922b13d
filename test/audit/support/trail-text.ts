import { generateKeyPairSync } from 'node:crypto';
import { checkpointLine, checkpointSigner, openLine } from '../../../src/audit/checkpoint.ts';
import { HashChain } from '../../../src/audit/hash-chain.ts';
import type { Predecessor } from '../../../src/audit/place.ts';

const pair = generateKeyPairSync('ed25519');
const PEM = Buffer.from(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
export const SIGNER = checkpointSigner(PEM, 'the key');
export const PUBLIC_KEY = String(pair.publicKey.export({ type: 'spki', format: 'pem' }));

const START = Date.UTC(2030, 0, 1);

/** Writes the lines of one chain as a service does. */
export class TrailText {
  readonly chain: HashChain;
  readonly lines: string[] = [];
  readonly #signer: typeof SIGNER | undefined;
  #seconds = 0;

  constructor(id: string, { signed = true, before }: { signed?: boolean; before?: Predecessor } = {}) {
    this.chain = new HashChain(id.repeat(32));
    this.#signer = signed ? SIGNER : undefined;
    this.#add(openLine(this.#time(), '1', before));
  }

  get(resource: string): this {
    const at = this.#time().toISOString();
    return this.#add(`{"audit":2,"time":"${at}","action":"data-key.get","resource":${JSON.stringify(resource)}`);
  }

  gets(count: number): this {
    for (let n = 0; n < count; n++) this.get(`disk/${n}`);
    return this;
  }

  mark(type: 'checkpoint' | 'close'): this {
    return this.#add(checkpointLine(type, this.#time(), this.chain.head, this.#signer));
  }

  /** Lets time pass. */
  wait(seconds: number): this {
    this.#seconds += seconds;
    return this;
  }

  /** The last line as a name: `CHAIN:SEQ:HASH`. */
  get head(): string {
    const { chain, seq, hash } = this.chain.head;
    return `${chain}:${seq}:${hash}`;
  }

  toString(): string {
    return this.lines.join('');
  }

  #time(): Date {
    return new Date(START + 1000 * this.#seconds++);
  }

  #add(body: string): this {
    this.lines.push(this.chain.next(body));
    return this;
  }
}
