import type { Command } from 'commander';
import { isAwsRegion } from '../../core/aws-region.ts';
import type { ParameterStore } from '../../core/parameters.ts';
import type { ParametersUri } from '../../core/uri-schemas.ts';
import type { Step, WantedParameter } from '../../secrets-file/plan.ts';
import type { SecretsFile } from '../../secrets-file/secrets-file.ts';
import { formatOption, single } from '../command.ts';
import type { Io } from '../io.ts';
import { columns, type Format, print, printable, write } from '../output.ts';
import { inFile, readInput } from './files.ts';
import { openingSealer } from './sealing.ts';
import { openWork, type SealOptions, sealOptions, type Work } from './work.ts';

export interface StoreOptions extends SealOptions {
  readonly target?: string;
  readonly output?: Format;
}

/** The options of every command that reads or writes a parameter store. */
export function storeOptions(command: Command): Command {
  return sealOptions(
    command
      .argument('<file>', 'secrets file; - is standard input')
      .addOption(single('--target <uri>', 'store to use in place of the one that the file names: parameters://…')),
  ).addOption(formatOption());
}

/** What a command on a file and its store works with. */
export interface StoreWork {
  readonly file: SecretsFile;
  readonly name: string;
  readonly store: ParameterStore;
  readonly work: Work;
}

/** Reads the file, opens its store, and closes both doors when `use` is over. */
export async function withStore(
  io: Io,
  path: string,
  options: StoreOptions,
  use: (opened: StoreWork) => Promise<void>,
): Promise<void> {
  const { readSecretsFile } = await import('../../secrets-file/secrets-file.ts');
  const input = await readInput(path, io);
  const file = readSecretsFile(input.text, input.name);
  for (const warning of file.warnings) await write(io.stderr, `keystead: ${warning}\n`);
  const work = await openWork(io, options);
  try {
    const store = await openStoreOf(file, options, work);
    try {
      await use({ file, name: input.name, store, work });
    } finally {
      await store.close();
    }
  } finally {
    await work.close();
  }
}

/** The plain values that the store should have; wiped when `use` is over. */
export async function withWanted<T>(
  { file, name, store, work }: StoreWork,
  use: (wanted: readonly WantedParameter[]) => Promise<T>,
): Promise<T> {
  const { wantedOf } = await import('../../secrets-file/wanted.ts');
  const wanted = await inFile(name, async () => {
    const sealer = await openingSealer(file, work);
    return wantedOf(file, { store, sealer, pace: work.pace }, work.call);
  });
  try {
    return await use(wanted);
  } finally {
    for (const { parameter } of wanted) parameter.value.dispose();
  }
}

async function openStoreOf(file: SecretsFile, { target }: StoreOptions, work: Work): Promise<ParameterStore> {
  const { disposeSecrets, parseParametersUri } = await import('../../core/uri.ts');
  const { openParameters } = await import('../../providers/open.ts');
  const { secretSource } = await import('../../wiring/system.ts');
  const given = target ?? file.header.target;
  const named: ParametersUri =
    given === undefined ? { scheme: 'parameters', provider: 'aws' } : parseParametersUri(given);
  const { region } = file.header;
  const uri = named.provider === 'aws' && region !== undefined ? { region, ...named } : named;
  if (uri.provider === 'aws' && uri.region !== undefined && !isAwsRegion(uri.region)) {
    throw file.fail('the field region is none of AWS; give one such as eu-central-1', file.leaves.region?.line);
  }
  try {
    const access = 'access' in uri ? await work.access() : undefined;
    return await openParameters(uri, { secrets: secretSource(work.io.env), access });
  } finally {
    disposeSecrets(uri);
  }
}

const PAST = { create: 'created', update: 'updated', tag: 'tagged', delete: 'deleted' } as const;

/** What is to be done, on stderr, before it is. */
export async function tellPlan(io: Io, steps: readonly Step[]): Promise<void> {
  await write(
    io.stderr,
    rowsOf(steps, ({ action }) => action),
  );
}

/** What was done, or would be. */
export async function printSteps(io: Io, steps: readonly Step[], format: Format, dryRun: boolean): Promise<void> {
  const value = { dryRun, steps: steps.map(({ action, place, differs }) => ({ action, parameter: place, differs })) };
  await print(io, format, value, () => rowsOf(steps, ({ action }) => (dryRun ? action : PAST[action])));
  if (steps.length === 0) await write(io.stderr, 'nothing to do: the store is as the file says\n');
}

function rowsOf(steps: readonly Step[], word: (step: Step) => string): string {
  return columns(
    steps.map((step) => {
      const why = step.differs.length === 0 ? '' : `  (${step.differs.join(', ')})`;
      return [word(step), printable(step.place) + why];
    }),
  );
}
