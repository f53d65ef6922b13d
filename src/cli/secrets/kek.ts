import type { Command } from 'commander';
import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { Kek } from '../../core/kek.ts';
import type { CredentialSource } from '../../core/roles.ts';
import type { SecretsFile } from '../../secrets-file/secrets-file.ts';
import { single } from '../command.ts';
import type { Io } from '../io.ts';
import { write } from '../output.ts';
import { variable } from './settings.ts';

/** What commander makes of the options of `kekOptions`. */
export interface KekOptions {
  readonly kek?: string;
  readonly kekDir?: string;
  readonly accessFile?: string;
}

/** What a KEK is opened with. */
export interface KekOpening {
  readonly options: KekOptions;
  readonly io: Io;
  readonly call: Call;
  /** The named access paths; undefined where no file has any. */
  access(): Promise<CredentialSource | undefined>;
}

/** The options of every command that opens or seals values of Keystead's own format. */
export function kekOptions(command: Command): Command {
  return command
    .addOption(single('--kek <uri>', "KEK of a file in Keystead's own format: kms://… (KEYSTEAD_SECRETS_KEK)"))
    .addOption(single('--kek-dir <dir>', 'folder with mastersecret and salt of kms://cluster-kms (KEYSTEAD_KEK_DIR)'))
    .addOption(single('--access-file <file>', 'what access=NAME in a URI means (KEYSTEAD_ACCESS_FILE)'));
}

/** A KEK that is open, and how a file names it: without credentials. */
export interface OpenedFileKek {
  readonly kek: Kek;
  readonly name: string;
}

/** The KEK that is named from outside of the file. */
export function givenKek({ kek }: KekOptions, { env }: Pick<Io, 'env'>): string | undefined {
  return kek ?? variable(env, 'KEYSTEAD_SECRETS_KEK');
}

/** Whether a file is, or becomes, one of Keystead's own format. */
export function isOwn(file: SecretsFile, options: KekOptions, io: Pick<Io, 'env'>): boolean {
  if (file.format === 'keystead') return true;
  if (givenKek(options, io) === undefined) return false;
  if (file.header.encrypted_with === undefined && !file.parameters.some(({ sealed }) => sealed)) return true;
  if (options.kek === undefined) return false;
  throw new KeysteadError('bad-usage', 'the file is encrypted in the format of psyml; rotate-kek --to moves it');
}

/** The KEK that the file names, or that is given where it names none. Throws where two are named. */
export async function openFileKek(file: SecretsFile, opening: KekOpening): Promise<OpenedFileKek> {
  const { options, io } = opening;
  const { kekUri, parseKmsUri } = await import('../../core/uri.ts');
  const given = givenKek(options, io);
  const text = given ?? file.header.kek;
  if (text === undefined) throw file.fail('the file names no kek; give --kek');
  if (given !== undefined && file.header.kek !== undefined) {
    const [one, other] = [kekUri(parseKmsUri(given)), kekUri(parseKmsUri(file.header.kek))];
    if (one !== other)
      throw file.fail('the file names another kek than --kek; rotate-kek changes it', file.leaves.kek?.line);
  }
  const { plainCredentials } = await import('../../secrets-file/plain-credentials.ts');
  for (const { line, message } of plainCredentials(file)) {
    await write(io.stderr, `keystead: ${file.fail(message, line).message}\n`);
  }
  return openKekOf(text, opening);
}

/** Opens a KEK by its URI. The caller closes it. */
export async function openKekOf(text: string, opening: KekOpening): Promise<OpenedFileKek> {
  const { options, io, call } = opening;
  const { disposeSecrets, parseKmsUri, uriWithoutCredentials } = await import('../../core/uri.ts');
  const { openKek } = await import('../../providers/open.ts');
  const { secretSource, systemRandom } = await import('../../wiring/system.ts');
  const uri = parseKmsUri(text);
  try {
    const access = 'access' in uri ? await opening.access() : undefined;
    const { kek, custody } = await openKek(uri, { random: systemRandom, secrets: secretSource(io.env), access });
    if (custody !== undefined && custody.info() === undefined) {
      const { readKekFiles } = await import('../kek-files.ts');
      const dir = options.kekDir ?? variable(io.env, 'KEYSTEAD_KEK_DIR');
      if (dir === undefined)
        throw new KeysteadError('bad-usage', 'kms://cluster-kms needs --kek-dir, or key and salt in its URI');
      const { masterSecret, salt } = await readKekFiles(dir);
      try {
        await custody.bootstrap(masterSecret, salt, call);
      } finally {
        masterSecret.dispose();
        salt.dispose();
      }
    }
    return { kek, name: uriWithoutCredentials(uri) };
  } finally {
    disposeSecrets(uri);
  }
}
