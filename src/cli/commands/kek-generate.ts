import { randomFillSync } from 'node:crypto';
import { mkdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SecretBytes } from '../../core/secret-bytes.ts';
import { fileFailure, writeNewFile } from '../../files/new-file.ts';
import { type DefineCommand, formatOption, single } from '../command.ts';
import { fingerprintOf, type KekSecrets, MASTER_SECRET_FILE, SALT_FILE } from '../kek-files.ts';
import { entries, type Format, print } from '../output.ts';

/** Bytes of each. */
const LENGTH = 32;

/** `keystead kek generate --dir DIR`: both files, or none, and never over an existing one. */
export const define: DefineCommand = (command, { io }) => {
  command
    .addOption(
      single(
        '--dir <dir>',
        `folder for the files ${MASTER_SECRET_FILE} and ${SALT_FILE}; made if missing`,
      ).makeOptionMandatory(),
    )
    .addOption(formatOption())
    .action(async ({ dir, output }: { dir: string; output?: Format }) => {
      const secrets = { masterSecret: random(), salt: random() };
      try {
        await writeKekFiles(dir, secrets);
        const fingerprint = fingerprintOf(secrets);
        const files = { masterSecretFile: join(dir, MASTER_SECRET_FILE), saltFile: join(dir, SALT_FILE) };
        await print(io, output ?? 'plain', { fingerprint, ...files }, () =>
          entries({ fingerprint, 'master secret': files.masterSecretFile, salt: files.saltFile }),
        );
      } finally {
        secrets.masterSecret.dispose();
        secrets.salt.dispose();
      }
    });
};

async function writeKekFiles(dir: string, { masterSecret, salt }: KekSecrets): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 }).catch((error) => {
    throw fileFailure(dir, error);
  });
  const first = join(dir, MASTER_SECRET_FILE);
  await writeNewFile(first, async () => masterSecret.expose());
  try {
    await writeNewFile(join(dir, SALT_FILE), async () => salt.expose());
  } catch (error) {
    // A master secret without its salt is worth nothing, and would stop the next attempt.
    await unlink(first).catch(() => undefined);
    throw error;
  }
}

function random(): SecretBytes {
  return SecretBytes.own(randomFillSync(new Uint8Array(LENGTH)));
}
