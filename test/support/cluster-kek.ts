import { createHash } from 'node:crypto';
import { SecretBytes } from '../../src/core/secret-bytes.ts';
import { type AcceptKek, ClusterKek } from '../../src/providers/cluster/kek.ts';
import { testAmbient } from './services.ts';

/** A secret of 32 bytes that is the same for the same name. */
export function secretOf(name: string): SecretBytes {
  return SecretBytes.own(Uint8Array.from(createHash('sha256').update(name).digest()));
}

/** A cluster KEK that is open; the same name gives the same KEK. */
export async function openClusterKek(
  t: { teardown(fn: () => unknown): void },
  name = 'a',
  accept?: AcceptKek,
): Promise<ClusterKek> {
  const kek = sealedClusterKek(t, accept);
  await kek.bootstrap(secretOf(`master secret ${name}`), secretOf(`salt ${name}`));
  return kek;
}

export function sealedClusterKek(t: { teardown(fn: () => unknown): void }, accept?: AcceptKek): ClusterKek {
  const kek = new ClusterKek({ random: testAmbient().random, ...(accept === undefined ? {} : { accept }) });
  t.teardown(() => kek.close());
  return kek;
}
