import { loadConfig } from '../../config/load.ts';
import type { Config } from '../../config/schema.ts';
import type { Call } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';
import type { Kek } from '../../core/kek.ts';
import type { CredentialSource } from '../../core/roles.ts';
import type { SecretSource } from '../../core/secret-reference.ts';
import { serviceMode } from '../../core/service-mode.ts';
import type { WrappedKeyStore } from '../../core/store.ts';
import { upstreamAddress } from '../../core/upstream-address.ts';
import { disposeSecrets, parseKmsUri, parseStorageUri, uriWithoutCredentials } from '../../core/uri.ts';
import type { KmsUri, StorageUri } from '../../core/uri-schemas.ts';
import type { Patient, Step } from '../../system/doctor.ts';
import type { BareAmbient } from '../../wiring/ambient.ts';
import { type DefineCommand, formatOption } from '../command.ts';
import { configInputs, configOptions } from '../config-options.ts';
import type { Io } from '../io.ts';
import { systemNetwork } from '../network.ts';
import { type Format, print, printable, write } from '../output.ts';

/** `keystead doctor`: tries what the service would need with this configuration, and says what to do. */
export const define: DefineCommand = (command, { io, result }) => {
  command.description(
    'Tries name resolution, TLS, clock, credentials and every permission of the KMS and the store, one by one. Takes the options of serve.',
  );
  configOptions(command)
    .addOption(formatOption())
    .action(async ({ output = 'plain' }: { output?: Format }, called) => {
      const config = loadConfig(configInputs(called, io));
      let printed = Promise.resolve();
      const steps = await examination(config, io, (step) => {
        if (output === 'plain') printed = printed.then(() => write(io.stdout, line(step)));
        printed.catch(() => {}); // told at the end, once
      });
      await printed;
      const { worstExit } = await import('../../system/doctor.ts');
      if (output === 'json') await print(io, output, { steps }, () => '');
      result.exitStatus = worstExit(steps);
    });
};

async function examination(config: Config, io: Io, tell: (step: Step) => void): Promise<readonly Step[]> {
  const { examine } = await import('../../system/doctor.ts');
  const { bareAmbient } = await import('../../wiring/ambient.ts');
  const { secretSource } = await import('../../wiring/system.ts');
  const { openAccessPaths } = await import('../../wiring/access-paths.ts');
  const ambient = bareAmbient(io.env);
  const kms = parseKmsUri(config.kms);
  const storage = parseStorageUri(config.storage);
  const call: Call = {
    principal: { kind: 'local', name: 'keystead doctor', groups: [] },
    signal: io.interrupted(),
    traceId: Buffer.from(ambient.random.bytes(16)).toString('hex'),
    listener: 'internal',
  };
  const secrets: SecretSource = secretSource(io.env);
  const access = await openAccessPaths(config.access.file, ambient);
  const deps = { config, ambient, secrets, access, env: io.env };
  try {
    return await examine(
      {
        assertMode: () => void serviceMode(kms, storage),
        kms: kekPatient(kms, deps, call),
        ...(storage.provider === 'no-store' ? {} : { storage: storePatient(storage, deps) }),
        network: systemNetwork,
        clock: ambient.clock,
        random: ambient.random,
        tell,
      },
      call,
    );
  } finally {
    await access?.close();
    disposeSecrets(kms);
    disposeSecrets(storage);
  }
}

interface PatientDeps {
  readonly config: Config;
  readonly ambient: BareAmbient;
  readonly secrets: SecretSource;
  readonly access: CredentialSource | undefined;
  readonly env: Io['env'];
}

function kekPatient(kms: KmsUri, { config, ambient, env, secrets, access }: PatientDeps, call: Call): Patient<Kek> {
  return {
    ...placeOf(kms, env),
    remote: kms.provider !== 'cluster-kms',
    async open() {
      const { openKek } = await import('../../providers/open.ts');
      const { readKek } = await import('../../wiring/doors.ts');
      const { kek, custody } = await openKek(kms, { random: ambient.random, secrets, access });
      const given = custody === undefined ? undefined : await readKek(config, ambient);
      try {
        if (given !== undefined) await custody?.bootstrap(given.masterSecret, given.salt, call);
      } finally {
        given?.masterSecret.dispose();
        given?.salt.dispose();
      }
      return kek;
    },
  };
}

function storePatient(storage: StorageUri, { secrets, access, env }: PatientDeps): Patient<WrappedKeyStore> {
  return {
    ...placeOf(storage, env),
    remote: storage.provider !== 'memory',
    async open() {
      const { openStore } = await import('../../providers/open.ts');
      const store = await openStore(storage, { secrets, access });
      if (store !== undefined) return store;
      throw new KeysteadError('bad-config', `storage://${storage.provider} keeps nothing`);
    },
  };
}

function placeOf(uri: KmsUri | StorageUri, env: Io['env']): { uri: string; address?: URL } {
  const address = upstreamAddress(uri, env);
  return { uri: uriWithoutCredentials(uri), ...(address === undefined ? {} : { address }) };
}

/** One step on one line: how it went, where, what, and why. */
function line({ status, door, step, detail, reason, ms }: Step): string {
  const took = status === 'skipped' ? '' : `${ms} ms`;
  const why = [detail, reason === undefined ? undefined : `(${reason})`].filter((part) => part !== undefined).join(' ');
  const cells = [status.padEnd(7), door.padEnd(7), step.padEnd(19), took.padStart(8), printable(why)];
  return `${cells.join('  ').trimEnd()}\n`;
}
