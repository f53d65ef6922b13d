import { dirname, resolve } from 'node:path';
import type { Accessor } from '../access/accessor.ts';
import { type AccountAccess, accountAccess } from '../access/account-access.ts';
import { type ReadAccessor, readAccessor } from '../access/read-accessor.ts';
import type { SessionShelf } from '../access/session-cache.ts';
import type { WayDeps } from '../access/way.ts';
import { accessorDocument, MAX_ACCESSOR } from '../config/accessor-document.ts';
import { readSmallFile } from '../config/read-small-file.ts';
import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import { unreadable } from '../core/unreadable.ts';
import { openRoleAssumer, type StsPlace } from '../providers/open.ts';

export type { StsPlace } from '../providers/open.ts';

/**
 * Reads an accessor file: JSON, YAML or TOML, by its name. Throws `no-file`, `cannot-read`, or `bad-accessor` with all
 * that is wrong, each with its place.
 */
export async function loadAccessor(file: string, from: ReadAccessor): Promise<Accessor> {
  let bytes: Uint8Array;
  try {
    bytes = await readSmallFile(file, MAX_ACCESSOR);
  } catch (error) {
    throw unreadable(`the accessor ${file}`, error);
  }
  const read = readAccessor(accessorDocument(file, bytes), from);
  if ('accessor' in read) return besideFile(read.accessor, file);
  const lines = read.problems.map(({ path, text }) => (path === '' ? text : `${path} ${text}`));
  const count = lines.length === 1 ? '' : `${lines.length} problems: `;
  throw new KeysteadError('bad-accessor', `the accessor ${file} is not valid: ${count}${lines.join('; ')}`);
}

/** Paths in the file are relative to it. */
function besideFile(accessor: Accessor, file: string): Accessor {
  const chains = accessor.chains.map((chain) => ({
    ...chain,
    steps: chain.steps.map((step) =>
      step.webIdentityTokenFile === undefined
        ? step
        : { ...step, webIdentityTokenFile: resolve(dirname(file), step.webIdentityTokenFile) },
    ),
  }));
  return { ...accessor, chains };
}

export interface OpenAccess {
  readonly clock: Clock;
  /** Where the security token service is, and the base credentials; what is absent, the SDK finds. */
  readonly place?: StsPlace;
  readonly shelf?: SessionShelf | undefined;
  readonly mfaCode?: WayDeps['mfaCode'] | undefined;
}

/** Opens an accessor. Makes no call. The caller closes it. Throws `sdk-not-installed`. */
export async function openAccess(accessor: Accessor, { place = {}, ...deps }: OpenAccess): Promise<AccountAccess> {
  const { stsRegion: region } = accessor;
  const assumer = await openRoleAssumer({ ...place, ...(region === undefined ? {} : { region }) });
  return accountAccess({ ...deps, accessor, assumer, webIdentityToken });
}

/** Bytes; a token has some thousands. */
const MAX_TOKEN = 64 * 1024;

/** Read anew each time: whoever issues it replaces the file. */
async function webIdentityToken(path: string): Promise<string> {
  try {
    const bytes = await readSmallFile(path, MAX_TOKEN);
    return bytes.toString('utf8').trim();
  } catch (error) {
    throw unreadable(`the web identity token ${path}`, error);
  }
}
