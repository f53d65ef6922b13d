import { Command } from 'commander';
import type { KeysteadError } from '../core/errors.ts';
import { packageVersion } from '../version.ts';
import type { CommandContext, DefineCommand } from './command.ts';
import { commandFailure, failureText, isShown, isSilent, wantsJson } from './exit.ts';
import type { Io } from './io.ts';
import { write } from './output.ts';

interface Entry {
  readonly summary: string;
  /** A command's file is loaded only when that command is called: help and client commands load no server. */
  load(): Promise<{ readonly define: DefineCommand }>;
}

const COMMANDS: Readonly<Record<string, Entry>> = {
  serve: { summary: 'run the key service', load: () => import('./commands/serve.ts') },
  status: { summary: 'show what the service at --server says of itself', load: () => import('./commands/status.ts') },
  'data-key': { summary: 'get, list, rotate and delete data keys', load: () => import('./commands/data-key.ts') },
  kek: { summary: 'make the key-encryption key and give it to a service', load: () => import('./commands/kek.ts') },
  key: { summary: 'make and keep keys in a cloud KMS as declared', load: () => import('./commands/key.ts') },
  token: { summary: 'make a token for a caller', load: () => import('./commands/token.ts') },
  storage: { summary: 'look after the stored data keys', load: () => import('./commands/storage.ts') },
  secrets: { summary: 'keep secrets in files under version control', load: () => import('./commands/secrets.ts') },
  policy: { summary: 'check a policy and explain refusals', load: () => import('./commands/policy.ts') },
  audit: { summary: 'check an audit trail', load: () => import('./commands/audit.ts') },
  access: { summary: 'come into AWS accounts by chains of roles', load: () => import('./commands/access.ts') },
  config: { summary: 'show the configuration', load: () => import('./commands/config.ts') },
  doctor: {
    summary: 'try what the service needs of its KMS and its store',
    load: () => import('./commands/doctor.ts'),
  },
  openapi: { summary: 'print the OpenAPI document of the HTTP API', load: () => import('./commands/openapi.ts') },
};

/** Runs one command line, without the program's own name, and gives the exit status. */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  let shown = '';
  const result: CommandContext['result'] = { exitStatus: 0 };
  try {
    const program = root((text) => {
      shown += text;
    });
    const called = argv.find((word) => !word.startsWith('-') && word !== 'help');
    for (const [name, { summary, load }] of Object.entries(COMMANDS)) {
      const command = program
        .command(name)
        .summary(summary)
        .description(`${sentence(summary)}.`);
      if (name === called) (await load()).define(command, { io, result });
    }
    await program.parseAsync([...argv], { from: 'user' });
    return result.exitStatus;
  } catch (error) {
    if (isShown(error)) {
      return await exitStatusOf(io, argv, () => write(io.stdout, shown));
    }
    const failure = commandFailure(error);
    await report(failure, shown, argv, io);
    return result.statusOf?.(failure) ?? failure.exitStatus;
  }
}

function root(show: (text: string) => void): Command {
  return new Command('keystead')
    .description('The key service of a cluster: data keys by name, over HTTP and gRPC.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('--help', 'show help')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeOut: show, writeErr: show, outputError: () => undefined });
}

async function exitStatusOf(io: Io, argv: readonly string[], action: () => Promise<void>): Promise<number> {
  try {
    await action();
    return 0;
  } catch (error) {
    const failure = commandFailure(error);
    await report(failure, '', argv, io);
    return failure.exitStatus;
  }
}

async function report(failure: KeysteadError, help: string, argv: readonly string[], io: Io): Promise<void> {
  if (!isSilent(failure)) {
    const text = failureText(failure, wantsJson(argv)) + help;
    // Whoever closed stderr does not want to know; the exit status still tells.
    await write(io.stderr, text).catch(() => undefined);
  }
}

function sentence(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
