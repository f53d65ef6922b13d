import { readSmallFile } from '../config/read-small-file.ts';
import type { Config } from '../config/schema.ts';
import { KeysteadError } from '../core/errors.ts';
import type { HeldCustody, MasterSecret } from '../core/kek.ts';
import type { KekPlace } from '../core/kek-place.ts';
import { ownCall } from '../core/own-call.ts';
import { KeptCustody } from '../providers/cluster/kept-custody.ts';
import { type BareAmbient, NO_LOG } from './ambient.ts';

/** Keeps a KEK that was opened in the Secret of `kek.secret` as well, and watches the Secret until it is closed. */
export async function keptCustody(kek: HeldCustody, config: Config, ambient: BareAmbient): Promise<KeptCustody> {
  const place = await openPlace(config, ambient);
  const { clock, log = NO_LOG } = ambient;
  return new KeptCustody({ kek, place, clock, log, ownCall: () => ownCall(ambient) });
}

/**
 * What is in the Secret of `kek.secret`; undefined where there is nothing, or where the API server cannot be asked now:
 * the watch sees it later, and says why it does not. The caller disposes it. Throws where it is no master secret.
 */
export async function readKekSecret(config: Config, ambient: BareAmbient): Promise<MasterSecret | undefined> {
  const place = await openPlace(config, ambient);
  try {
    return await place.read(ownCall(ambient));
  } catch (error) {
    if (KeysteadError.from(error).retryable) return undefined;
    throw error;
  }
}

async function openPlace({ kek, kubernetes, upstream }: Config, { clock }: BareAmbient): Promise<KekPlace> {
  const [{ kubernetesApi }, { kekSecret }] = await Promise.all([
    import('../providers/kubernetes/api.ts'),
    import('../providers/kubernetes/kek-secret.ts'),
  ]);
  const [namespace = '', secret = ''] = (kek.secret ?? '').split('/');
  const api = kubernetesApi({ ...kubernetes, timeoutMs: upstream.timeout, readFile: readSmallFile });
  return kekSecret({ api, namespace, secret, clock });
}
