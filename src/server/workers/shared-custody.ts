import type { Custody } from '../../core/kek.ts';
import type { Member } from '../../wiring/ambient.ts';
import { internalCall } from '../internal-call.ts';
import { dispose, fromPlain, type PlainKek, toPlain } from './protocol.ts';
import type { Rpc } from './rpc.ts';

/** A worker's part in keeping one KEK for the whole service. */
export interface SharedCustody {
  readonly share: Member['share'];
  /** The primary's word that this is the KEK. Throws what the worker's own custody throws. */
  take(kek: PlainKek): Promise<void>;
}

/**
 * A KEK that is brought to one worker goes to the primary, which lets the first win and gives it to all; only then
 * does the worker answer. Whoever was second is answered by the worker's own custody: the same again, or another.
 */
export function sharedCustody(primary: Rpc): SharedCustody {
  const opened = Promise.withResolvers<Custody>();
  return {
    share(local) {
      opened.resolve(local);
      return {
        info: () => local.info(),
        async bootstrap(masterSecret, salt, call) {
          if (local.info() === undefined) await primary.call('bootstrap', toPlain({ masterSecret, salt }));
          return local.bootstrap(masterSecret, salt, call);
        },
      };
    },
    async take(plain) {
      const kek = fromPlain(plain);
      try {
        await (await opened.promise).bootstrap(kek.masterSecret, kek.salt, internalCall());
      } finally {
        dispose(kek);
      }
    },
  };
}
