import type { Command } from 'commander';
import type { Call } from '../../core/call.ts';
import type { Random } from '../../core/clock.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { LocalKey } from '../../core/local-key.ts';
import type { Pace } from '../../secrets-file/paced.ts';
import type { SecretsFile } from '../../secrets-file/secrets-file.ts';
import type { Io } from '../io.ts';
import { printable, write } from '../output.ts';
import { type KekOpening, type KekOptions, kekOptions } from './kek.ts';
import { openingSealer } from './sealing.ts';
import { type KeyOptions, keyOptions, localKeyPlace, variable } from './settings.ts';

/** More than this, and a terminal sees how far it is. */
const SILENT_UP_TO = 20;

/** What commander makes of the options of `sealOptions`. */
export interface SealOptions extends KeyOptions, KekOptions {
  readonly createKey?: true;
  readonly acceptChanges?: true;
}

/** The options of every command that opens or seals values. */
export function sealOptions(command: Command): Command {
  return kekOptions(keyOptions(command));
}

/** The option of every command that may be the first to seal something in psyml's format. */
export function createKeyOption(command: Command): Command {
  return command.option('--create-key', 'make the key of the alias, and the alias, where they are missing');
}

/** What every command on secrets files works with. */
export interface Work extends KekOpening {
  readonly options: SealOptions;
  readonly pace: Pace;
  readonly random: Random;
  readonly localKey: LocalKey;
  /** The key that the alias stands for; made where it is missing and that was asked for. */
  currentKey(): Promise<string>;
  /** Asks again while a service asks to slow down. */
  patiently<T>(ask: () => Promise<T>): Promise<T>;
  /** Says something on stderr, on a line of its own. */
  tell(message: string): Promise<void>;
  /** Done, the last first, when the work is over. */
  closing(action: () => unknown): void;
  close(): Promise<void>;
}

/** Opens nothing: a door is opened when it is first asked for something. The caller closes it. */
export async function openWork(io: Io, options: SealOptions): Promise<Work> {
  const { systemClock, systemRandom: random } = await import('../../wiring/system.ts');
  const place = localKeyPlace(options, io);
  const localKey = lazyLocalKey(place);
  const closing: (() => unknown)[] = [() => localKey.close()];
  const call: Call = {
    principal: { kind: 'local', name: 'keystead secrets', groups: [] },
    signal: io.interrupted(),
    traceId: Buffer.from(random.bytes(16)).toString('hex'),
    listener: 'internal',
  };
  const tell = (message: string) => write(io.stderr, `${printable(message)}\n`);
  const pace: Pace = { clock: systemClock, random, ...progressOn(io) };
  const patient = async <T>(ask: () => Promise<T>): Promise<T> => {
    const { patiently } = await import('../../secrets-file/paced.ts');
    return patiently(ask, pace, call);
  };
  let current: Promise<string> | undefined;
  let access: ReturnType<typeof accessPaths> | undefined;
  return {
    io,
    options,
    call,
    random,
    pace,
    patiently: patient,
    localKey,
    currentKey() {
      current ??= patient(() => identified(localKey, place, options, io, tell, call));
      return current;
    },
    access() {
      if (access === undefined) {
        const opened = accessPaths(options, io);
        // Closed last: who uses them goes first.
        closing.unshift(async () => (await opened.catch(() => undefined))?.close());
        access = opened;
      }
      return access;
    },
    tell,
    closing: (action) => void closing.push(action),
    async close() {
      for (const action of closing.reverse()) await action();
    },
  };
}

async function accessPaths({ accessFile }: KekOptions, io: Io) {
  const [{ openAccessPaths }, { bareAmbient }] = await Promise.all([
    import('../../wiring/access-paths.ts'),
    import('../../wiring/ambient.ts'),
  ]);
  return openAccessPaths(accessFile ?? variable(io.env, 'KEYSTEAD_ACCESS_FILE'), bareAmbient(io.env));
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
async function identified(
  localKey: LocalKey,
  place: { readonly alias: string; readonly region: string },
  { createKey }: SealOptions,
  io: Io,
  tell: Work['tell'],
  call: Call,
): Promise<string> {
  try {
    return await localKey.identify(call);
  } catch (error) {
    if (!(error instanceof KeysteadError) || error.reason !== 'no-kek') throw error;
    if (createKey === true) {
      const { createLocalKey } = await import('./create-key.ts');
      const arn = await createLocalKey(place, io, call);
      await tell(`made the key ${localKey.name}: ${arn}`);
      return arn;
    }
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

/** A line on a terminal that tells how far the work is, and is gone when the work is over. */
function progressOn({ stderr }: Io): Required<Pick<Pace, 'progress' | 'gaveUp'>> {
  let told = false;
  const clear = () => {
    if (told) stderr.write('\r\x1b[K');
    told = false;
  };
  return {
    progress(done, total) {
      if (stderr.isTTY !== true || total <= SILENT_UP_TO) return;
      if (done === total) return clear();
      told = true;
      stderr.write(`\r${done} of ${total}`);
    },
    gaveUp: clear,
  };
}
