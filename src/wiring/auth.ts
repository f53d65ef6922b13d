import { readAdminToken } from '../auth/admin-token.ts';
import type { Callers } from '../auth/callers.ts';
import { LOCAL } from '../auth/local.ts';
import { authWarnings, KeySets, openCallers } from '../auth/open-callers.ts';
import type { StaticToken } from '../auth/static-tokens.ts';
import { readSmallFile } from '../config/read-small-file.ts';
import type { Config } from '../config/schema.ts';
import { type FileWatch, type Sight, watchFile } from '../config/watch-file.ts';
import type { Authenticator, Credentials } from '../core/authenticator.ts';
import type { Principal } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import { LockOut } from '../core/lock-out.ts';
import { RefusedLogins } from '../core/refused-logins.ts';
import { kubernetesApi } from '../providers/kubernetes/api.ts';
import { tokenReviewer } from '../providers/kubernetes/token-review.ts';
import type { AuthStatus, CallersStatus } from '../system/system.ts';
import type { Ambient, HouseLog } from './ambient.ts';
import { type AuthFile, badAuth, MAX_AUTH_FILE, parseAuth, readAuthFile, unreadableAuth } from './auth-file.ts';
import { callersStatus } from './callers-status.ts';
import { readOrInForce } from './in-force.ts';

/** Who may call: the administrator, and whom the auth file knows, which may change. */
export interface AuthKeeper extends Authenticator {
  /** True when nobody can be told from anybody. */
  readonly nobody: boolean;
  /** Undefined where no file is configured. */
  status(): AuthStatus | undefined;
  /** Who is let in; undefined for a development server, which lets everybody in. */
  callers(): CallersStatus | undefined;
  /** True while the file is not fit to be used, and an older one is in force. */
  readonly failed: boolean;
  /**
   * Reads admin token and auth file anew. Throws where the token cannot be read, and keeps what was; a file that is not
   * fit changes nothing, and is told in log and status. Gives what has changed, in words.
   */
  reload(config: Config): Promise<readonly string[]>;
  close(): Promise<void>;
}

interface Deps extends Pick<Ambient, 'clock' | 'readFile' | 'member' | 'audit' | 'random'> {
  readonly log: HouseLog;
}

/** Milliseconds that a TokenReview may take. */
const REVIEW_MS = 5000;

/** Throws `bad-config`, `no-file` or `cannot-read`: a service does not start without the callers it is to know. */
export async function openAuth(config: Config, deps: Deps): Promise<AuthKeeper> {
  const admin = await adminOf(config, deps);
  const { file } = config.auth;
  if (config.dev && file !== undefined) {
    deps.log.warn({}, 'auth.file has no effect: a development server gives every caller every right');
  }
  if (file === undefined || config.dev) return new Keeper(config, deps, admin, undefined);
  const from = { readFile: deps.readFile, inForce: deps.member?.inForce };
  const { value, failure } = await readOrInForce([file], (readFile) => readAuthFile(file, readFile), from);
  const keeper = new Keeper(config, deps, admin, { path: file, ...value });
  if (failure !== undefined) keeper.fail(KeysteadError.from(failure));
  return keeper;
}

async function adminOf({ dev, admin }: Config, deps: Deps): Promise<StaticToken | undefined> {
  return dev || admin.tokenFile === undefined ? undefined : readAdminToken(admin.tokenFile, deps);
}

class Keeper implements AuthKeeper {
  readonly #deps: Deps;
  readonly #dev: boolean;
  readonly #certificates: boolean;
  readonly #lockOut: LockOut;
  readonly #refused: RefusedLogins;
  readonly #keySets: KeySets;
  #admin: StaticToken | undefined;
  #file: (AuthFile & { readonly path: string; readonly loadedAt: Date }) | undefined;
  #callers: Callers;
  #watch: FileWatch | undefined;
  #problem: string | undefined;

  constructor(
    config: Config,
    deps: Deps,
    admin: StaticToken | undefined,
    read: (AuthFile & { path: string }) | undefined,
  ) {
    this.#deps = deps;
    this.#dev = config.dev;
    this.#certificates = config.tls.clientCaFile !== undefined;
    const elsewhere = deps.member?.shareLockOut((place, at) => this.#lockOut.lock(place, at));
    this.#lockOut = new LockOut(config.limits.failedLogins, deps.clock, elsewhere);
    this.#refused = new RefusedLogins(deps);
    this.#keySets = new KeySets((name, failure) => this.#issuerChanged(name, failure));
    this.#admin = admin;
    this.#callers = this.#open(read);
    if (read !== undefined) this.#begin(read.path, read);
  }

  get nobody(): boolean {
    return this.#callers.nobody;
  }

  get failed(): boolean {
    return this.#problem !== undefined;
  }

  authenticate(credentials: Credentials): Promise<Principal> {
    return this.#callers.authenticate(credentials);
  }

  status(): AuthStatus | undefined {
    if (this.#file === undefined) return undefined;
    const { document, sha256, loadedAt } = this.#file;
    const problem = this.#problem === undefined ? {} : { problem: this.#problem };
    return { authenticators: document.authenticators.length, loadedAt, sha256, ...problem };
  }

  callers(): CallersStatus | undefined {
    return this.#dev ? undefined : callersStatus(this.#file?.document, this.#admin !== undefined);
  }

  async reload(config: Config): Promise<readonly string[]> {
    if (this.#dev) return [];
    const admin = await adminOf(config, this.#deps);
    const sameAdmin = this.#admin === admin || (admin && this.#admin?.sha256.equals(admin.sha256)) === true;
    this.#admin = admin;
    const sameFile = !(await this.#reloadFile(config.auth.file));
    this.#callers = this.#open(this.#file);
    return [...(sameAdmin ? [] : ['admin token']), ...(sameFile ? [] : ['auth file'])];
  }

  async close(): Promise<void> {
    await this.#watch?.close();
    await this.#refused.close();
  }

  async #reloadFile(path: string | undefined): Promise<boolean> {
    const former = this.#file;
    try {
      const read = path === undefined ? undefined : await readAuthFile(path, this.#deps.readFile);
      await this.#watch?.close();
      this.#watch = undefined;
      this.#problem = undefined;
      this.#file = undefined;
      if (path !== undefined && read !== undefined) this.#begin(path, read);
      return former?.sha256 !== read?.sha256;
    } catch (error) {
      this.fail(KeysteadError.from(error));
      return false;
    }
  }

  #begin(path: string, read: AuthFile): void {
    this.#use(path, read);
    const { clock } = this.#deps;
    const seen = (sight: Sight) => this.#seen(path, sight);
    this.#watch = watchFile({ path, max: MAX_AUTH_FILE, clock, last: read.bytes, seen });
  }

  #seen(path: string, sight: Sight): void {
    const read = 'error' in sight ? unreadableAuth(path, sight.error) : parseAuth(sight.bytes);
    if (read instanceof KeysteadError) {
      this.fail(read);
    } else if ('problems' in read) {
      this.fail(badAuth(path, read.problems));
    } else {
      this.#use(path, read);
      this.#callers = this.#open(read);
      this.#deps.log.info({ authenticators: read.document.authenticators.length }, 'the auth file was read anew');
    }
  }

  #use(path: string, read: AuthFile): void {
    this.#deps.member?.inForce.keep(path, read.bytes);
    this.#file = { ...read, path, loadedAt: this.#deps.clock.now() };
    this.#problem = undefined;
    for (const warning of authWarnings(read.document, { certificates: this.#certificates }))
      this.#deps.log.warn({}, warning);
  }

  /** From here on nothing is remembered of what the former callers have proved. */
  #open(read: AuthFile | undefined): Callers {
    return openCallers(read?.document, {
      clock: this.#deps.clock,
      lockOut: this.#lockOut,
      refused: (credentials, failure) => this.#refused.refused(credentials, failure),
      keySets: this.#keySets,
      adminToken: this.#admin,
      readFile: readSmallFile,
      openReviewer: (review) =>
        tokenReviewer(kubernetesApi({ ...review, timeoutMs: REVIEW_MS, readFile: readSmallFile })),
      ...(this.#dev ? { everybody: LOCAL } : {}),
    });
  }

  #issuerChanged(name: string, failure: KeysteadError | undefined): void {
    const { log } = this.#deps;
    if (failure === undefined) log.info({ authenticator: name }, 'the keys of an issuer can be fetched again');
    else log.warn({ authenticator: name, err: failure }, 'the keys of an issuer cannot be fetched');
  }

  /** Anybody may read the status: what is wrong with which line stands in the log alone. */
  fail(error: KeysteadError): void {
    const what =
      { 'bad-config': 'is not valid', 'no-file': 'is not there' }[error.reason as string] ?? 'cannot be read';
    this.#problem = `auth.file ${what}, so the callers that were known before stay in force; the log tells more`;
    this.#deps.log.error({ err: error }, 'the auth file stays as it was');
  }
}
