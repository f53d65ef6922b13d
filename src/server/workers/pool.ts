import cluster, { type Worker } from 'node:cluster';
import type { Socket } from 'node:net';
import { extname, join } from 'node:path';
import type { Config } from '../../config/schema.ts';
import type { Clock } from '../../core/clock.ts';
import { LockOut } from '../../core/lock-out.ts';
import type { Logger } from '../../telemetry/log.ts';
import type { Ambient, MasterSecret } from '../../wiring/ambient.ts';
import type { Exposure } from '../exposure.ts';
import { type Gates, openGates } from '../gates.ts';
import type { Running } from '../running.ts';
import { FileSnapshot } from './file-snapshot.ts';
import { type FileInForce, FilesInForce } from './files-in-force.ts';
import { HandOver, type Receiver } from './hand-over.ts';
import { KekWard, type Taker } from './kek-ward.ts';
import { PoolMetrics } from './pool-metrics.ts';
import { askAll } from './pool-refusals.ts';
import type { LockedOut, PlainKek, Reload, Start, Started } from './protocol.ts';
import { Restarts } from './restarts.ts';
import { Rpc } from './rpc.ts';

export interface PoolDeps {
  readonly config: Config;
  readonly exposure: Exposure;
  /** Taken over. */
  readonly kek: MasterSecret | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly readFile: Ambient['readFile'];
}

/** Milliseconds that a worker may take to end when it is told to. */
const END_DEADLINE = 5000;

interface Member extends Taker, Receiver {
  readonly worker: Worker;
  readonly rpc: Rpc;
  readonly exited: Promise<void>;
  started: Started | undefined;
}

/**
 * One service in several worker processes that share one listening socket. The primary serves no request: it accepts
 * connections and hands them out, keeps the KEK, adds up metrics and replaces workers that end.
 */
export async function openPool(deps: PoolDeps): Promise<Running> {
  const pool = new Pool(deps, await snapshotOf(deps.config, deps));
  try {
    const [first] = await Promise.all(Array.from({ length: deps.exposure.workers }, () => pool.add()));
    return await pool.listen(first as Started);
  } catch (error) {
    await pool.close();
    throw error;
  }
}

class Pool {
  readonly #deps: PoolDeps;
  readonly #ward: KekWard;
  readonly #metrics: PoolMetrics;
  readonly #restarts: Restarts;
  readonly #members = new Set<Member>();
  readonly #ending = new AbortController();
  readonly #startedAt: Date;
  readonly #handOver = new HandOver();
  readonly #inForce = new FilesInForce();
  readonly #lockOut: LockOut;
  #config: Config;
  #files: FileSnapshot;
  /** Reloads and joins are done one after the other, so that a worker that starts during a reload does not miss it. */
  #turn: Promise<unknown> = Promise.resolve();
  #gates: Gates | undefined;
  /** False until all have started: a worker that fails before that fails the whole service. */
  #open = false;

  constructor(deps: PoolDeps, files: FileSnapshot) {
    this.#deps = deps;
    this.#config = deps.config;
    this.#files = files;
    this.#ward = new KekWard(deps.kek);
    this.#metrics = new PoolMetrics(deps.clock);
    this.#restarts = new Restarts(deps.clock);
    this.#lockOut = new LockOut(deps.config.limits.failedLogins, deps.clock);
    this.#startedAt = deps.clock.now();
    cluster.setupPrimary({
      // Beside this file among the sources, beside the bundle in the built package (.ci/bundle.ts).
      exec: join(import.meta.dirname, `worker-main${extname(import.meta.filename)}`),
      args: [],
      serialization: 'advanced',
    });
  }

  /** Once all have started, so that nobody is let in to a service that cannot be. */
  async listen({ kek }: Started): Promise<Running> {
    const { clock, config, exposure } = this.#deps;
    const take: HandOver['give'] = (listener, socket) => this.#handOver.give(listener, socket);
    const gates = await openGates({ clock, config, exposure, paused: true, take });
    this.#gates = gates;
    this.#open = true;
    return {
      http: gates.http,
      grpc: gates.grpc,
      admin: gates.admin,
      kek,
      reload: (config) => this.#reload(config),
      drain: (deadline) => this.#drain(deadline),
      close: () => this.close(),
    };
  }

  /** Starts one worker; resolves when it serves. Throws why it could not. */
  async add(): Promise<Started> {
    const member = this.#fork();
    const files = this.#files;
    const start: Start = {
      config: this.#config,
      files: files.plain(),
      inForce: this.#inForce.plain(),
      grpc: this.#deps.exposure.grpc !== undefined,
      kek: this.#ward.plain(),
      startedAt: this.#startedAt,
    };
    const started = (await member.rpc.call('start', start)) as Started;
    await this.#inTurn(async () => {
      if (files !== this.#files) await this.#reloadMember(member, this.#config, this.#files);
      member.started = started;
      this.#handOver.join(member);
    });
    return started;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    this.#gates?.destroy();
    await Promise.all([...this.#members].map((member) => this.#end(member)));
    this.#ward.dispose();
    this.#files.dispose();
    this.#inForce.dispose();
  }

  #fork(): Member {
    const worker = cluster.fork();
    const handlers = {
      bootstrap: (body: unknown) => this.#ward.bring(body as PlainKek, member, () => [...this.#members]),
      exposition: () => this.#exposition(),
      refusals: (body: unknown) => this.#refusals(body as string),
      refusedLogin: (body: unknown) => this.#refusedLogin(body as string),
      inForce: async (body: unknown) => this.#inForce.keep(body as FileInForce),
    };
    const report = (error: unknown) => this.#deps.log.error({ err: error }, 'a call between processes failed');
    // The socket stays open here until the worker has said that it has it: it may end before.
    const send = (message: unknown, handle: unknown) =>
      worker.send(message as object, handle as Socket | undefined, { keepOpen: true });
    const rpc = new Rpc(send, handlers, report);
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const member: Member = {
      worker,
      rpc,
      exited,
      started: undefined,
      take: (kek) => rpc.call('take', kek),
      serve: async (listener, socket) => (await rpc.call('serve', listener, socket)) as boolean,
      kill: () => worker.process.kill('SIGKILL'),
    };
    this.#members.add(member);
    worker.on('message', (message) => rpc.receive(message));
    worker.on('error', () => rpc.break());
    worker.once('exit', (code, signal) => this.#exited(member, code, signal));
    return member;
  }

  #exited(member: Member, code: number | null, signal: string | null): void {
    this.#members.delete(member);
    this.#handOver.leave(member);
    member.rpc.break();
    void this.#metrics.forget(member.worker.id);
    if (!this.#open || this.#ending.signal.aborted) return;
    this.#deps.log.error({ worker: member.worker.process.pid, code, signal }, 'a worker ended; it is replaced');
    void this.#replace();
  }

  async #replace(): Promise<void> {
    try {
      await this.#restarts.wait(this.#ending.signal);
      if (this.#ending.signal.aborted) return;
      await this.add();
      this.#deps.log.info('a worker was replaced');
    } catch (error) {
      // A worker that reports why it cannot start still runs; its end brings the next attempt.
      if (!this.#ending.signal.aborted) this.#deps.log.error({ err: error }, 'a worker could not be replaced');
      for (const member of this.#members) if (member.started === undefined) member.kill();
    }
  }

  #started(): Member[] {
    return [...this.#members].filter((member) => member.started !== undefined);
  }

  async #exposition(): Promise<unknown> {
    return this.#metrics.exposition(
      new Map(this.#started().map(({ worker, rpc }) => [worker.id, () => rpc.call('metrics')])),
    );
  }

  #refusals(auditId: string): Promise<unknown[]> {
    const asked = this.#started().map(({ rpc }) => rpc.call('refusals', auditId) as Promise<unknown[]>);
    return askAll(asked, this.#deps.clock);
  }

  /** Counted once for all: who guesses at several workers has no more guesses. All know of a lock before the guess is answered. */
  async #refusedLogin(place: string): Promise<void> {
    const at = this.#lockOut.count(place);
    if (at === undefined) return;
    const told = this.#started().map(({ rpc }) => rpc.call('lockedOut', { place, at } satisfies LockedOut));
    await Promise.all(told.map((each) => each.catch(() => {})));
  }

  /** The files are read once, for all: every worker goes on with the same, or every one keeps what it has. */
  async #reload(config: Config): Promise<readonly string[]> {
    return this.#inTurn(async () => {
      const files = await snapshotOf(config, this.#deps);
      try {
        const changes = await Promise.all(this.#started().map((member) => this.#reloadMember(member, config, files)));
        this.#files.dispose();
        this.#files = files;
        this.#config = config;
        return [...new Set(changes.flat())];
      } catch (error) {
        files.dispose();
        throw error;
      }
    });
  }

  async #reloadMember(member: Member, config: Config, files: FileSnapshot): Promise<string[]> {
    try {
      return (await member.rpc.call('reload', { config, files: files.plain() } satisfies Reload)) as string[];
    } catch (error) {
      // Who is gone is replaced, by one that starts with these files.
      if (!this.#members.has(member)) return [];
      throw error;
    }
  }

  #inTurn<T>(step: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(step);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** Each worker has its last connection before it is told to drain: what is sent to it arrives in order. */
  async #drain(deadline: number): Promise<void> {
    this.#ending.abort();
    for (const member of this.#members) if (member.started === undefined) member.kill();
    const tell = (method: string, body?: unknown) =>
      Promise.all(this.#started().map(({ rpc }) => rpc.call(method, body).catch(() => {})));
    await tell('closing');
    await this.#gates?.close();
    await this.#handOver.close();
    await tell('drain', deadline);
  }

  async #end(member: Member): Promise<void> {
    const ended = new AbortController();
    const late = this.#deps.clock.sleep(END_DEADLINE, ended.signal).then(member.kill, () => {});
    if (member.started === undefined) member.kill();
    else await Promise.race([member.rpc.call('close').catch(() => member.kill()), late]);
    await member.exited;
    ended.abort();
  }
}

function snapshotOf({ admin }: Config, { readFile }: Pick<PoolDeps, 'readFile'>): Promise<FileSnapshot> {
  return FileSnapshot.read(admin.tokenFile === undefined ? [] : [admin.tokenFile], readFile);
}

/** Ends this process's workers without waiting. */
export function killWorkers(): void {
  for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
}
