import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError } from 'commander';
import { loadConfig } from '../config/load.ts';
import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { DeclaredKeys } from '../wiring/declared-keys.ts';
import { formatOption, several, single, wholeNumber } from './command.ts';
import { configInputs, configOptions } from './config-options.ts';
import type { Io } from './io.ts';
import type { Format } from './output.ts';

/** Looked for in this order where no file is given. */
const DEFAULT_FILES = ['pcf.json', 'pcf.yml', 'pcf.yaml'];

export interface KeyFlags {
  readonly file: readonly string[];
  /** False: no tag of Keystead's own. */
  readonly mark: boolean;
  readonly output?: Format;
}

/** `[name] -f FILE`, and what tells where the data keys are stored that may be under a key. */
export function keyOptions(command: Command): Command {
  command
    .argument('[name]', 'the declared key; all of them when absent')
    .addOption(
      several(
        '-f, --file <file>',
        `YAML or JSON file of declared keys, again for more of them`,
        (file: string) => file,
      ).default([], DEFAULT_FILES.join(', ')),
    )
    .option('--no-mark', 'set no tag keystead:name on keys: an apply that is killed may then leave one behind');
  return configOptions(command).addOption(formatOption());
}

export interface ApplyFlags extends KeyFlags {
  readonly restore?: true;
  readonly cascade?: true;
  readonly timeout?: number;
  readonly confirm: readonly string[];
  readonly dryRun?: true;
  readonly quiet?: true;
  readonly wait: boolean;
}

export function applyOptions(command: Command): Command {
  return keyOptions(command)
    .option('--restore', 'bring back the key that is being deleted, rather than make another one')
    .option('-c, --cascade', 'stop or terminate the keys that depend on it too, those first')
    .addOption(single('-t, --timeout <seconds>', 'until the wanted state is there (300)', seconds))
    .addOption(several('--confirm <name>', 'a key that may be terminated or stopped', (name: string) => name))
    .option('--dry-run', 'only show what would be done, as plan does')
    .option('--no-wait', 'begin it, and do not wait for what comes of it')
    .option('-q, --quiet', 'print nothing but errors');
}

/** Opens the declared keys of a command line, hands them to `work`, and closes them. */
export async function withDeclaredKeys<T>(
  { file, mark }: KeyFlags,
  called: Command,
  io: Io,
  work: (keys: DeclaredKeys, call: Call) => Promise<T>,
): Promise<T> {
  const [{ readKeyFiles }, { DeclaredKeys: Keys }, { openCensus }, { bareAmbient }, { openAccessPaths }] =
    await Promise.all([
      import('../wiring/key-files.ts'),
      import('../wiring/declared-keys.ts'),
      import('../wiring/blast-radius.ts'),
      import('../wiring/ambient.ts'),
      import('../wiring/access-paths.ts'),
    ]);
  const config = loadConfig(configInputs(called, io));
  const ambient = bareAmbient(io.env);
  const declarations = await readKeyFiles(file.length > 0 ? file : [defaultFile()]);
  const access = await openAccessPaths(config.access.file, ambient);
  const census = openCensus(config, ambient, access);
  const keys = new Keys(declarations, { ambient, census, access, marks: mark, timeoutMs: config.upstream.timeout });
  const call: Call = {
    principal: { kind: 'local', name: 'keystead key', groups: [] },
    signal: io.interrupted(),
    traceId: Buffer.from(ambient.random.bytes(16)).toString('hex'),
    listener: 'internal',
  };
  try {
    return await work(keys, call);
  } finally {
    await keys.close();
    await access?.close();
  }
}

function defaultFile(): string {
  const found = DEFAULT_FILES.find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new KeysteadError('no-file', `there is no ${DEFAULT_FILES.join(', ')} here; give the file with --file`);
}

function seconds(text: string): number {
  const value = wholeNumber(text);
  if (value > 0 && value <= 86_400) return value;
  throw new InvalidArgumentError('give 1 to 86400 seconds');
}
