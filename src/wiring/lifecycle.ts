import type { Config } from '../config/schema.ts';
import { KeysteadError } from '../core/errors.ts';
import { ownCall } from '../core/own-call.ts';
import { openAccessPaths } from './access-paths.ts';
import type { BareAmbient, HouseLog } from './ambient.ts';
import { openCensus } from './blast-radius.ts';
import { DeclaredKeys } from './declared-keys.ts';
import { readKeyFiles } from './key-files.ts';

/** Milliseconds that the service waits at its start for keys to come to their states. */
const PATIENCE_MS = 120_000;

/**
 * Applies the declarations of `lifecycle.files`: once for all processes of a service, before any of them opens a door. Throws `bad-declaration`, `no-file`,
 * `needs-confirmation` where a key would be stopped or terminated, and what the KMS says: the service does not start then.
 */
export async function applyLifecycle(config: Config, ambient: BareAmbient, log: HouseLog): Promise<void> {
  const files = config.lifecycle.files?.split(' ').filter((file) => file !== '') ?? [];
  if (files.length === 0) return;
  const declarations = await readKeyFiles(files);
  const access = await openAccessPaths(config.access.file, ambient);
  const census = openCensus(config, ambient, access);
  const deps = { ambient, census, access, marks: true, timeoutMs: config.upstream.timeout };
  const keys = new DeclaredKeys(declarations, deps);
  const call = { ...ownCall(ambient), signal: AbortSignal.timeout(PATIENCE_MS) };
  try {
    for (const { harm, declaration } of await keys.plans({}, call)) {
      if (harm === undefined) continue;
      throw new KeysteadError(
        'needs-confirmation',
        `${declaration.name} is declared ${declaration.wanted} and runs; a service stops and terminates no key at its start: run keystead key apply, or correct the declaration`,
      );
    }
    await keys.apply({ timeoutS: PATIENCE_MS / 1000 }, call, async ({ declaration, done, key }) => {
      if (done.length > 0) log.info({ key: declaration.name, done, resource: key?.resource }, 'declared key applied');
    });
  } finally {
    await keys.close();
    await access?.close();
  }
}
