import { _SHA256 } from '@noble/hashes/sha2.js';

/** What a hash of @noble/hashes remembers. */
export interface HashMemory {
  readonly buffer: Uint8Array;
  get(): number[];
}

interface Cloning {
  _cloneInto(this: HashMemory, to?: HashMemory): HashMemory;
}

/** The hash states that are copied while `work` runs, and those they are copied into. */
export function hashesUsed(work: () => void): { readonly from: Set<HashMemory>; readonly into: Set<HashMemory> } {
  const [from, into] = [new Set<HashMemory>(), new Set<HashMemory>()];
  const prototype = _SHA256.prototype as unknown as Cloning;
  const original = prototype._cloneInto;
  prototype._cloneInto = function (to) {
    const copy = original.call(this, to);
    from.add(this);
    into.add(copy);
    return copy;
  };
  try {
    work();
  } finally {
    prototype._cloneInto = original;
  }
  return { from, into };
}

/** Whether nothing is left in it. */
export function isWiped(hash: HashMemory): boolean {
  return [...hash.get(), ...hash.buffer].every((part) => part === 0);
}

/** The digests that hashes give while `work` runs, as they are after it. */
export function digested(work: () => void): Uint8Array[] {
  const digests: Uint8Array[] = [];
  const prototype = _SHA256.prototype as unknown as { digest(): Uint8Array };
  const original = prototype.digest;
  prototype.digest = function () {
    const digest = original.call(this);
    digests.push(digest);
    return digest;
  };
  try {
    work();
  } finally {
    prototype.digest = original;
  }
  return digests;
}

/** The bytes that pieces are cut out of while `work` runs. */
export function cutFrom(work: () => void): Uint8Array[] {
  const whole: Uint8Array[] = [];
  const { slice } = Uint8Array.prototype;
  Uint8Array.prototype.slice = function (this: Uint8Array<ArrayBuffer>, ...args) {
    whole.push(this);
    return slice.apply(this, args);
  };
  try {
    work();
  } finally {
    Uint8Array.prototype.slice = slice;
  }
  return whole;
}
