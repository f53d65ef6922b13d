import { open, seal } from '../core/aead.ts';
import type { Clock, Random } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import { AwsCredentials } from '../core/roles.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import type { CachedSession, SessionShelf } from './session-cache.ts';

/** Where sealed sessions lie: a file that only its owner may read. */
export interface SealedPlace {
  /** Undefined where nothing was left. */
  read(): Promise<Uint8Array | undefined>;
  /** All of it or nothing. */
  write(bytes: Uint8Array): Promise<void>;
}

/** What the file is for: sealed bytes of anything else under this key do not open. */
const CONTEXT = { keystead: '1', purpose: 'access-sessions' };

interface Line {
  readonly base: string;
  readonly key: string;
  readonly label: string;
  readonly arn: string;
  readonly account: string;
  readonly keys: Readonly<Record<string, string>>;
}

/**
 * Sessions kept beyond the process, sealed: AES-256-GCM under the key of whoever asks for it.
 *
 * Sessions that other base credentials led to are kept and not given. What does not open is an error: it is of another
 * key, or was changed. Two processes at once may lose one another's sessions, which costs an AssumeRole.
 *
 * @param base what tells the base credentials from others.
 */
export function sealedSessions(
  place: SealedPlace,
  deps: { readonly key: SecretBytes; readonly random: Random; readonly clock: Clock; base(): Promise<string> },
): SessionShelf {
  const lines = async () => {
    const sealed = await place.read();
    return sealed === undefined ? [] : opened(sealed, deps.key);
  };
  return {
    async load() {
      const base = await deps.base();
      return (await lines()).filter((line) => line.base === base).map(sessionOf);
    },
    async save(sessions) {
      const base = await deps.base();
      const now = deps.clock.now().getTime();
      const others = (await lines()).filter(
        ({ base: of, keys }) => of !== base && Date.parse(keys['expiration'] ?? '') > now,
      );
      const own = sessions.map((session) => lineOf(session, base));
      const plain = SecretBytes.own(new TextEncoder().encode(JSON.stringify([...others, ...own])));
      try {
        await place.write(seal(deps.key, plain, CONTEXT, deps.random));
      } finally {
        plain.dispose();
      }
    },
  };
}

function opened(sealed: Uint8Array, key: SecretBytes): Line[] {
  let plain: SecretBytes | undefined;
  try {
    plain = open(key, sealed, CONTEXT);
    return JSON.parse(new TextDecoder().decode(plain.expose()));
  } catch (cause) {
    const says = 'the cache of sessions does not open: it is of another key, or was changed; remove it or give its key';
    throw new KeysteadError('context-mismatch', says, { cause });
  } finally {
    plain?.dispose();
  }
}

function lineOf({ key, label, arn, account, credentials }: CachedSession, base: string): Line {
  const { expiration, ...keys } = credentials.expose();
  return { base, key, label, arn, account, keys: { ...keys, expiration: expiration?.toISOString() ?? '' } };
}

function sessionOf({ key, label, arn, account, keys }: Line): CachedSession {
  const { accessKeyId = '', secretAccessKey = '', sessionToken = '', expiration = '' } = keys;
  const credentials = new AwsCredentials({
    accessKeyId,
    secretAccessKey,
    sessionToken,
    expiration: new Date(expiration),
  });
  return { key, label, arn, account, credentials };
}
