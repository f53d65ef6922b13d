import { MAX_DOCUMENT } from '../config/document.ts';
import { readSmallFile } from '../config/read-small-file.ts';
import { type FileWatch, type Sight, watchFile } from '../config/watch-file.ts';
import type { Clock } from '../core/clock.ts';
import { KeysteadError } from '../core/errors.ts';
import type { Decision, Policy, PolicyRequest } from '../core/policy.ts';
import { unreadable } from '../core/unreadable.ts';
import { type CompiledPolicy, emptyPolicy } from '../policy/compile.ts';
import { type ExplainedRefusal, Refusals } from '../policy/refusals.ts';
import type { PolicyStatus } from '../system/system.ts';
import type { HouseLog, Member } from './ambient.ts';
import { readOrInForce } from './in-force.ts';
import { parsePolicyAside } from './policy-aside.ts';
import { type ParsedPolicy, parsedOf, readPolicyBytes, readPolicyFile } from './policy-file.ts';

/** The policy of a service: of its file, which may change, or administrators only. */
export interface PolicyKeeper extends Policy {
  /** To be told of every decision, at once: keeps those that refuse. */
  readonly decided: (request: PolicyRequest, decision: Decision, auditId: string) => void;
  /** Undefined where no file is configured. */
  readonly status: () => PolicyStatus | undefined;
  /** True while the file is not fit to be used, and an older one is in force. */
  readonly failed: boolean;
  /** Reads the file anew, or another one. What is not fit changes nothing, and is told in log and status. */
  reload(file: string | undefined): Promise<boolean>;
  /** What is known of the refusals of an audit id. */
  readonly explain: (auditId: string) => ExplainedRefusal[];
  close(): Promise<void>;
}

interface Deps {
  readonly clock: Clock;
  readonly log: HouseLog;
  /** Counts. */
  readonly decision: (allowed: boolean) => void;
  /** One of several processes; absent: the only one. */
  readonly member?: Pick<Member, 'inForce'> | undefined;
}

/** Throws `bad-policy`, `no-file` or `cannot-read`: a service does not start without the policy it is to keep to. */
export async function openPolicy(file: string | undefined, deps: Deps): Promise<PolicyKeeper> {
  if (file === undefined) return new Keeper(deps, undefined);
  const from = { readFile: readSmallFile, inForce: deps.member?.inForce };
  const { value, failure } = await readOrInForce([file], (readFile) => readPolicyFile(file, readFile), from);
  const keeper = new Keeper(deps, { path: file, ...value });
  if (failure !== undefined) keeper.fail(KeysteadError.from(failure));
  return keeper;
}

class Keeper implements PolicyKeeper {
  readonly #deps: Deps;
  readonly #refusals = new Refusals();
  #policy: CompiledPolicy;
  #file: { path: string; sha256: string; loadedAt: Date } | undefined;
  #watch: FileWatch | undefined;
  #problem: string | undefined;
  readonly #closing = new AbortController();

  constructor(deps: Deps, read: (ParsedPolicy & { path: string }) | undefined) {
    this.#deps = deps;
    this.#policy = read?.policy ?? emptyPolicy();
    if (read !== undefined) this.#begin(read.path, read);
  }

  get failed(): boolean {
    return this.#problem !== undefined;
  }

  decide(request: PolicyRequest): Decision {
    return this.#policy.decide(request);
  }

  readonly decided = (request: PolicyRequest, decision: Decision, auditId: string): void => {
    this.#deps.decision(decision.allowed);
    if (!decision.allowed) this.#refusals.keep(request, auditId, this.#policy);
  };

  readonly status = (): PolicyStatus | undefined => {
    if (this.#file === undefined) return undefined;
    const { sha256, loadedAt } = this.#file;
    const problem = this.#problem === undefined ? {} : { problem: this.#problem };
    return { rules: this.#policy.rules.length, loadedAt, sha256, ...problem };
  };

  readonly explain = (auditId: string): ExplainedRefusal[] => this.#refusals.explain(auditId, this.#policy);

  async reload(path: string | undefined): Promise<boolean> {
    const former = this.#file;
    try {
      if (path === undefined) {
        await this.#watch?.close();
        this.#policy = emptyPolicy();
        this.#file = undefined;
        this.#problem = undefined;
        return former !== undefined;
      }
      const read = parsedOf(path, await this.#parse(await readPolicyBytes(path)));
      await this.#watch?.close();
      this.#begin(path, read);
      return former?.sha256 !== read.sha256;
    } catch (error) {
      this.fail(KeysteadError.from(error));
      return false;
    }
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#watch?.close();
  }

  #begin(path: string, read: ParsedPolicy): void {
    this.#use(path, read);
    const { clock } = this.#deps;
    const seen = (sight: Sight) => this.#seen(path, sight);
    this.#watch = watchFile({ path, max: MAX_DOCUMENT, clock, last: read.bytes, seen });
  }

  async #seen(path: string, sight: Sight): Promise<void> {
    try {
      if ('error' in sight) throw unreadable(`the policy ${path}`, sight.error);
      const read = parsedOf(path, await this.#parse(sight.bytes));
      this.#use(path, read);
      this.#deps.log.info({ rules: read.policy.rules.length }, 'the policy was read anew');
    } catch (error) {
      if (!this.#closing.signal.aborted) this.fail(KeysteadError.from(error));
    }
  }

  #parse(bytes: Uint8Array): ReturnType<typeof parsePolicyAside> {
    return parsePolicyAside(bytes, this.#closing.signal);
  }

  /** The same file again, once it is back or whole again, needs no new policy. */
  #use(path: string, { policy, bytes, sha256 }: ParsedPolicy): void {
    if (this.#file?.sha256 !== sha256) this.#policy = policy;
    this.#deps.member?.inForce.keep(path, bytes);
    this.#file = { path, sha256, loadedAt: this.#deps.clock.now() };
    this.#problem = undefined;
  }

  /** Anybody may read the status: what is wrong with which line stands in the log alone. */
  fail(error: KeysteadError): void {
    const what =
      { 'bad-policy': 'is not valid', 'no-file': 'is not there' }[error.reason as string] ?? 'cannot be read';
    this.#problem = `policy.file ${what}, so the policy that was read before stays in force; the log tells more`;
    this.#deps.log.error({ err: error }, 'the policy stays as it was');
  }
}
