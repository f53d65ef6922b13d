import type { Command } from 'commander';
import { isAwsRegion } from '../../core/aws-region.ts';
import { KeysteadError } from '../../core/errors.ts';
import { single } from '../command.ts';
import type { Io } from '../io.ts';

/** What commander makes of the options of `keyOptions`. */
export interface KeyOptions {
  readonly keyAlias?: string;
  readonly keyRegion?: string;
}

const DEFAULT_ALIAS = 'alias/psyml';
const DEFAULT_REGION = 'ap-southeast-2';

/** The options of every command that needs the local key of psyml's format. */
export function keyOptions(command: Command): Command {
  return command
    .addOption(
      single(
        '--key-alias <alias>',
        `key of files in psyml's format (KEYSTEAD_SECRETS_KEY_ALIAS, PSYML_KEY_ALIAS; default ${DEFAULT_ALIAS})`,
      ),
    )
    .addOption(
      single(
        '--key-region <region>',
        `its region (KEYSTEAD_SECRETS_KEY_REGION, PSYML_KEY_REGION; default ${DEFAULT_REGION})`,
      ),
    );
}

/** Options, then Keystead's variables, then psyml's, then psyml's defaults. */
export function localKeyPlace({ keyAlias, keyRegion }: KeyOptions, { env }: Pick<Io, 'env'>) {
  const alias = keyAlias ?? variable(env, 'KEYSTEAD_SECRETS_KEY_ALIAS', 'PSYML_KEY_ALIAS') ?? DEFAULT_ALIAS;
  const region = keyRegion ?? variable(env, 'KEYSTEAD_SECRETS_KEY_REGION', 'PSYML_KEY_REGION') ?? DEFAULT_REGION;
  if (isAwsRegion(region)) return { alias, region };
  throw new KeysteadError('bad-usage', 'the region of the key is none of AWS; give one such as eu-central-1');
}

/** A variable that is set; an empty one is a mistake. */
export function variable(env: Io['env'], ...names: readonly string[]): string | undefined {
  const name = names.find((name) => env[name] !== undefined);
  if (name === undefined) return undefined;
  if (env[name] === '') throw new KeysteadError('bad-usage', `${name} is empty; give it a value or unset it`);
  return env[name];
}
