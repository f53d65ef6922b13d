import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { InvalidArgumentError } from 'commander';
import { KeysteadError } from '../../core/errors.ts';
import { type DefineCommand, single } from '../command.ts';
import { write } from '../output.ts';
import { readInput } from '../secrets/files.ts';
import { sealingOf } from '../secrets/sealing.ts';
import { createKeyOption, openWork, type SealOptions, sealOptions } from '../secrets/work.ts';

const run = promisify(execFile);
const MAX_OUTPUT = 64 * 1024 * 1024;

type From = 'dotenv' | 'sops';
interface Options extends SealOptions {
  readonly from: From;
  readonly path: string;
  readonly region: string;
  readonly kmskey: string;
}

/** `keystead secrets import --from dotenv|sops FILE`: a new secrets file, sealed before it is printed. */
export const define: DefineCommand = (command, { io }) => {
  createKeyOption(sealOptions(command))
    .argument('<file>', 'dotenv file, or a file of SOPS; - is standard input')
    .addOption(
      single<From>('--from <format>', 'dotenv, or sops: needs sops, and what it needs', fromOf).makeOptionMandatory(),
    )
    .addOption(single('--path <path>', 'prefix in the parameter store').makeOptionMandatory())
    .addOption(single('--region <region>', 'region of the parameter store').makeOptionMandatory())
    .addOption(single('--kmskey <key>', 'key of the parameter store').makeOptionMandatory())
    .action(async (source: string, { path, region, kmskey, ...options }: Options) => {
      const { newFileText } = await import('../../secrets-file/new-file-text.ts');
      const { readSecretsFile } = await import('../../secrets-file/secrets-file.ts');
      const { assertEncryptable, encrypt } = await import('../../secrets-file/encrypt.ts');
      const { withRoot } = await import('../../secrets-file/integrity.ts');
      const found = options.from === 'sops' ? await sopsValues(source) : await dotenvValues(source);
      // What is empty holds no secret, and no store takes it.
      const secrets = found.filter(({ value }) => value !== '');
      const empty = found.filter(({ value }) => value === '').map(({ name }) => name);
      const file = readSecretsFile(newFileText({ path, region, kmskey }, secrets), source);
      assertEncryptable(file);
      const work = await openWork(io, options);
      try {
        const text = await encrypt(file, { ...work, ...(await sealingOf(file, work)) }, work.call);
        await write(io.stdout, withRoot(text, source));
        if (empty.length > 0) await work.tell(`left out, for there is nothing in them: ${empty.join(', ')}`);
      } finally {
        await work.close();
      }
    });

  async function dotenvValues(source: string) {
    const { parseDotenv } = await import('../../core/dotenv.ts');
    const { failureOf } = await import('../../secrets-file/yaml-source.ts');
    const { name, text } = await readInput(source, io);
    const fail = failureOf(name);
    return parseDotenv(text, fail).map((entry) => {
      if (!entry.behind) return entry;
      throw fail(`there is more behind the closing quote of ${entry.name}`, entry.lastLine);
    });
  }
};

async function sopsValues(source: string): Promise<{ name: string; value: string }[]> {
  try {
    const { stdout } = await run('sops', ['--decrypt', '--output-type', 'json', source], { maxBuffer: MAX_OUTPUT });
    return flattened(JSON.parse(stdout, asWritten), '');
  } catch (error) {
    const { code } = error as { code?: number | string };
    const why = code === 'ENOENT' ? 'sops is not installed' : 'sops did not decrypt it; run it by itself to see why';
    throw new KeysteadError('tool-failed', `${source}: ${why}`, { cause: error });
  }
}

/** A number is its digits: a float holds no more than 15 of them. */
function asWritten(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === 'number' ? (context?.source ?? value) : value;
}

/** Keys of nested mappings with slashes between, items of lists by their number. */
function flattened(value: unknown, name: string): { name: string; value: string }[] {
  if (typeof value === 'object' && value !== null) {
    return Object.entries(value).flatMap(([key, part]) => flattened(part, name === '' ? key : `${name}/${key}`));
  }
  return [{ name, value: value === null ? '' : String(value) }];
}

function fromOf(text: string): From {
  if (text === 'dotenv' || text === 'sops') return text;
  throw new InvalidArgumentError('give dotenv or sops');
}
