import { hkdfSync, randomBytes } from 'node:crypto';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { SecretBytes } from '../src/core/secret-bytes.ts';
import { ClusterKek } from '../src/providers/cluster/kek.ts';
import { interleaved, type Row, rateOf, ratioRow } from './support/measure.ts';

/** (a) Derivations of 32-byte keys on one core, beside the two libraries used plainly. */
export async function benchDerive(): Promise<Row[]> {
  const masterSecret = randomBytes(32);
  const salt = randomBytes(32);
  const kek = new ClusterKek({ random: { bytes: (length) => Uint8Array.from(randomBytes(length)) } });
  await kek.bootstrap(SecretBytes.copyOf(masterSecret), SecretBytes.copyOf(salt));
  let n = 0;
  const id = () => `pvc-0f3a1c2e-5b6d-4e7f-8a9b-${n++ & 0xffff}`;
  const contender = (name: string, call: () => void) => ({
    name,
    run: async (seconds: number) => rateOf(call, seconds),
  });
  const rates = await interleaved([
    contender('ours', () => kek.derive(id(), 32).dispose()),
    contender('hkdfSync', () => void hkdfSync('sha256', masterSecret, salt, `key-${id()}`, 32)),
    contender('noble', () => void hkdf(sha256, masterSecret, salt, Buffer.from(`key-${id()}`), 32)),
  ]);
  await kek.close();
  const ours = rates.get('ours') as number;
  return [
    ratioRow('(a) derivations, one core', ours, rates.get('hkdfSync') as number, 'node:crypto hkdfSync', 2.8),
    ratioRow('(a) derivations, one core', ours, rates.get('noble') as number, '@noble/hashes hkdf', 4),
  ];
}
