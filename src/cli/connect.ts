import type { Command } from 'commander';
import { KeysteadClient } from '../client/http-client.ts';
import { KeysteadError } from '../core/errors.ts';
import { single } from './command.ts';
import type { Io } from './io.ts';

const DEFAULT_SERVER = 'http://127.0.0.1:8080';

/** What commander makes of the options of `connectOptions`. */
export interface ConnectOptions {
  readonly server?: string;
  readonly tokenFile?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** The options of every command that talks to a service. */
export function connectOptions(command: Command): Command {
  return command
    .addOption(single('--server <url>', `address of the service (KEYSTEAD_SERVER; default ${DEFAULT_SERVER})`))
    .addOption(single('--token-file <file>', 'file with the bearer token (KEYSTEAD_TOKEN_FILE)'))
    .addOption(single('--ca-file <file>', 'PEM file with the CA to trust (KEYSTEAD_CA_FILE)'))
    .addOption(single('--cert-file <file>', 'PEM file with the client certificate (KEYSTEAD_CERT_FILE)'))
    .addOption(single('--key-file <file>', "PEM file with the client certificate's key (KEYSTEAD_KEY_FILE)"));
}

/** A client as options and environment say; options win. */
export function connect(io: Io, options: ConnectOptions): KeysteadClient {
  const given = {
    tokenFile: options.tokenFile ?? variable(io, 'KEYSTEAD_TOKEN_FILE'),
    caFile: options.caFile ?? variable(io, 'KEYSTEAD_CA_FILE'),
    certFile: options.certFile ?? variable(io, 'KEYSTEAD_CERT_FILE'),
    keyFile: options.keyFile ?? variable(io, 'KEYSTEAD_KEY_FILE'),
  };
  return new KeysteadClient({
    server: options.server ?? variable(io, 'KEYSTEAD_SERVER') ?? DEFAULT_SERVER,
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
  });
}

function variable(io: Io, name: string): string | undefined {
  const value = io.env[name];
  if (value === '') throw new KeysteadError('bad-usage', `${name} is empty; give it a value or unset it`);
  return value;
}
