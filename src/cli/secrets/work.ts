import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { LocalKey } from '../../core/local-key.ts';
import type { Pace } from '../../secrets-file/paced.ts';
import type { Sealer } from '../../secrets-file/sealer.ts';
import type { SecretsFile } from '../../secrets-file/secrets-file.ts';
import type { BareAmbient } from '../../wiring/ambient.ts';
import type { Io } from '../io.ts';
import { printable, write } from '../output.ts';
import { type KeyOptions, localKeyPlace } from './settings.ts';

/** More than this, and a terminal sees how far it is. */
const SILENT_UP_TO = 20;

/** What every command on secrets files works with. */
export interface Work {
  readonly call: Call;
  readonly pace: Pace;
  readonly ambient: Pick<BareAmbient, 'clock' | 'random'>;
  readonly localKey: LocalKey;
  /** Says something on stderr, on a line of its own. */
  tell(message: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens nothing: a door is opened when it is first asked for something. The caller closes it. */
export async function openWork(io: Io, options: KeyOptions): Promise<Work> {
  const { systemClock, systemRandom } = await import('../../wiring/system.ts');
  const random = systemRandom;
  const localKey = lazyLocalKey(localKeyPlace(options, io));
  return {
    call: {
      principal: { kind: 'local', name: 'keystead secrets', groups: [] },
      signal: io.interrupted(),
      traceId: Buffer.from(random.bytes(16)).toString('hex'),
      listener: 'internal',
    },
    ambient: { clock: systemClock, random },
    pace: { clock: systemClock, random, progress: progressOn(io) },
    localKey,
    tell: (message) => write(io.stderr, `${printable(message)}\n`),
    close: () => localKey.close(),
  };
}

/** What a file's new values are sealed with, and what that changes at its top. */
export interface Sealing {
  readonly sealer: Sealer;
  readonly header: { readonly encrypted_with?: string };
}

/** New values go under the key that the file names, or else under the one that the alias stands for. */
export async function sealingOf(file: SecretsFile, work: Work): Promise<Sealing> {
  const { psymlSealer } = await import('../../secrets-file/psyml-sealer.ts');
  const { call, localKey, tell } = work;
  const declared = file.header.encrypted_with === '' ? undefined : file.header.encrypted_with;
  const current = () => identified(localKey, call);
  const sealer = psymlSealer(localKey, { declared, current, tell });
  return { sealer, header: { encrypted_with: declared ?? (await current()) } };
}

/** All values go under the key that the alias stands for. */
export async function currentSealing({ call, localKey }: Work): Promise<Sealing> {
  const { psymlSealer } = await import('../../secrets-file/psyml-sealer.ts');
  const current = () => identified(localKey, call);
  return { sealer: psymlSealer(localKey, { current }), header: { encrypted_with: await current() } };
}

/** The sealer that opens what a file holds. */
export async function openingSealer(_file: SecretsFile, { call, localKey }: Work): Promise<Sealer> {
  const { psymlSealer } = await import('../../secrets-file/psyml-sealer.ts');
  return psymlSealer(localKey, { current: () => identified(localKey, call) });
}

/** The plain values of some of a file's parameters, as text. */
export async function plainValues(
  file: SecretsFile,
  parameters: SecretsFile['parameters'],
  work: Work,
): Promise<{ readonly name: string; readonly value: string }[]> {
  const { openAll, textOf } = await import('../../secrets-file/values.ts');
  const values = await openAll(parameters, await openingSealer(file, work), work.pace, work.call);
  try {
    return parameters.map(({ name }, at) => ({ name, value: textOf(values[at] as (typeof values)[number], name) }));
  } finally {
    for (const value of values) value.dispose();
  }
}

/** Says what a missing key is about: the KMS knows neither the variables nor the options. */
async function identified(localKey: LocalKey, call: Call): Promise<string> {
  try {
    return await localKey.identify(call);
  } catch (error) {
    if (!(error instanceof KeysteadError) || error.reason !== 'no-kek') throw error;
    throw new KeysteadError(
      'no-kek',
      `there is no key ${localKey.name}; make it with --create-key, or name another with --key-alias and --key-region`,
      { cause: error },
    );
  }
}

/** Help, and files without secrets, load no SDK. */
function lazyLocalKey(place: { readonly alias: string; readonly region: string }): LocalKey {
  let opened: Promise<LocalKey> | undefined;
  const open = () => {
    opened ??= import('../../providers/open.ts').then(({ openLocalKey }) => openLocalKey(place));
    return opened;
  };
  return {
    name: `${place.alias} in ${place.region}`,
    identify: async (call) => (await open()).identify(call),
    encrypt: async (...given) => (await open()).encrypt(...given),
    decrypt: async (...given) => (await open()).decrypt(...given),
    close: async () => (await opened)?.close(),
  };
}

function progressOn({ stderr }: Io): (done: number, total: number) => void {
  return (done, total) => {
    if (stderr.isTTY !== true || total <= SILENT_UP_TO) return;
    stderr.write(done === total ? '\r\x1b[K' : `\r${done} of ${total}`);
  };
}
