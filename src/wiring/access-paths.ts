import { dirname, resolve } from 'node:path';
import type { Accessor } from '../access/accessor.ts';
import type { AccountAccess } from '../access/account-access.ts';
import { namedAccount } from '../access/named-account.ts';
import { AccessSchema, type NamedPath } from '../config/access-schema.ts';
import { didYouMean } from '../config/did-you-mean.ts';
import { MAX_DOCUMENT, problemLines, readDocument } from '../config/document.ts';
import { readSmallFile } from '../config/read-small-file.ts';
import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { AwsAccess, CredentialSource } from '../core/roles.ts';
import { unreadable } from '../core/unreadable.ts';
import { loadAccessor, openAccess } from './access.ts';
import type { BareAmbient } from './ambient.ts';

type Cloud = NamedPath['cloud'];
type PathOf<C extends Cloud> = Extract<NamedPath, { cloud: C }>;

/** The named access paths of a file. The caller closes it. */
export interface AccessPaths extends CredentialSource {
  readonly names: readonly string[];
  /** The account that a path of AWS leads to; undefined for the other clouds. */
  accountOf(name: string): { readonly account: string; readonly region?: string } | undefined;
}

/**
 * Reads `access.file` and the accessors that it names; makes no call. Undefined without a file. Throws `bad-config` or
 * `bad-accessor` with all that is wrong, `no-file` or `cannot-read`.
 */
export async function openAccessPaths(
  file: string | undefined,
  ambient: Pick<BareAmbient, 'clock' | 'secrets'>,
): Promise<AccessPaths | undefined> {
  if (file === undefined) return undefined;
  const paths = await readPaths(file);
  const env = ambient.secrets?.env ?? {};
  const accessors = new Map<string, Accessor>();
  for (const [name, path] of Object.entries(paths)) {
    if (path.cloud === 'aws') accessors.set(name, await loadAccessor(resolve(dirname(file), path.accessor), { env }));
  }
  const opened = new Map<string, Promise<{ access: AccountAccess; path: AwsAccess }>>();
  const find = <C extends Cloud>(name: string, cloud: C) => pathOf(paths, file, name, cloud);
  return {
    names: Object.keys(paths),
    accountOf: (name) => (paths[name]?.cloud === 'aws' ? find(name, 'aws') : undefined),
    async aws(name) {
      const to = find(name, 'aws');
      const one = opened.get(name) ?? openOne(to, accessors.get(name) as Accessor, ambient);
      opened.set(name, one);
      return (await one).path;
    },
    gcp(name) {
      const { impersonate, lifetime, iamEndpoint, credentialsPath } = find(name, 'gcp');
      return {
        impersonate,
        ...(lifetime === undefined ? {} : { lifetimeSeconds: lifetime }),
        ...(iamEndpoint === undefined ? {} : { endpoint: iamEndpoint }),
        ...(credentialsPath === undefined ? {} : { credentialsPath: resolve(dirname(file), credentialsPath) }),
      };
    },
    azure(name) {
      const { cloud: _, tokenFile, ...rest } = find(name, 'azure');
      return { ...rest, ...(tokenFile === undefined ? {} : { tokenFile: resolve(dirname(file), tokenFile) }) };
    },
    async close() {
      for (const one of opened.values()) await (await one.catch(() => undefined))?.access.close();
    },
  };
}

async function openOne(to: PathOf<'aws'>, accessor: Accessor, { clock }: Pick<BareAmbient, 'clock'>) {
  const place = to.stsEndpoint === undefined ? {} : { endpoint: to.stsEndpoint };
  // A region of the path is the one whose security token service is asked, too, unless the accessor names another.
  const region = accessor.stsRegion ?? to.region;
  const at = { ...place, ...(region === undefined ? {} : { region }) };
  const access = await openAccess(accessor, { clock, place: at });
  return { access, path: namedAccount(access, to, OWN_CALL) };
}

/** Nobody's in particular: many calls share one session, and the security token service is given its own time. */
const OWN_CALL: Call = {
  principal: { kind: 'local', name: 'keystead', groups: [] },
  signal: new AbortController().signal,
  traceId: '0'.repeat(32),
  listener: 'internal',
};

async function readPaths(file: string): Promise<Readonly<Record<string, NamedPath>>> {
  let bytes: Uint8Array;
  try {
    bytes = await readSmallFile(file, MAX_DOCUMENT);
  } catch (error) {
    throw unreadable(`the access paths ${file}`, error);
  }
  const read = readDocument(bytes, AccessSchema);
  const problems = 'problems' in read ? [...read.problems] : Object.keys(read.value.paths).flatMap(badName);
  if ('value' in read && problems.length === 0) {
    const both = Object.entries(read.value.paths).find(
      ([, path]) => path.cloud === 'azure' && path.tokenFile !== undefined && path.managedIdentity !== undefined,
    );
    if (both === undefined) return read.value.paths;
    problems.push({ path: `paths.${both[0]}`, text: 'must have tokenFile or managedIdentity, not both' });
  }
  const lines = problemLines(problems);
  const count = lines.length === 1 ? '' : `${lines.length} problems: `;
  throw new KeysteadError('bad-config', `the access paths ${file} are not valid: ${count}${lines.join('; ')}`);
}

function badName(name: string) {
  if (/^[A-Za-z0-9._-]{1,128}$/.test(name)) return [];
  return [{ path: 'paths', text: 'must have names of at most 128 letters, digits, dots, underscores and dashes' }];
}

function pathOf<C extends Cloud>(
  paths: Readonly<Record<string, NamedPath>>,
  file: string,
  name: string,
  cloud: C,
): PathOf<C> {
  const path = Object.hasOwn(paths, name) ? paths[name] : undefined;
  if (path === undefined) {
    const hint = didYouMean(name, Object.keys(paths));
    throw new KeysteadError('bad-config', `there is no access path ${name} in ${file}${hint}`);
  }
  if (path.cloud === cloud) return path as PathOf<C>;
  throw new KeysteadError('bad-config', `the access path ${name} in ${file} is one of ${path.cloud}, not of ${cloud}`);
}
