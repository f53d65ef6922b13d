import cluster, { type Worker } from 'node:cluster';
import { extname, join } from 'node:path';
import { type Address, parseAddress } from '../../config/address.ts';
import type { Config } from '../../config/schema.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../telemetry/log.ts';
import type { MasterSecret } from '../../wiring/ambient.ts';
import type { Exposure } from '../exposure.ts';
import type { Running } from '../running.ts';
import { KekWard, type Taker } from './kek-ward.ts';
import { PoolMetrics } from './pool-metrics.ts';
import type { PlainKek, Start, Started } from './protocol.ts';
import { Restarts } from './restarts.ts';
import { Rpc } from './rpc.ts';

export interface PoolDeps {
  readonly config: Config;
  readonly exposure: Exposure;
  /** Taken over. */
  readonly kek: MasterSecret | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Milliseconds that a worker may take to end when it is told to. */
const END_DEADLINE = 5000;

interface Member extends Taker {
  readonly worker: Worker;
  readonly rpc: Rpc;
  readonly exited: Promise<void>;
  started: Started | undefined;
}

/**
 * One service in several worker processes that share one listening socket. The primary serves no request: it hands
 * out connections, keeps the KEK, adds up metrics and replaces workers that end.
 */
export async function openPool(deps: PoolDeps): Promise<Running> {
  const pool = new Pool(deps);
  try {
    const [first] = await Promise.all(Array.from({ length: deps.exposure.workers }, () => pool.add()));
    return pool.running(first as Started);
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
  #config: Config;
  #addresses: Pick<Exposure, 'http' | 'grpc'>;
  /** False until all have started: a worker that fails before that fails the whole service. */
  #open = false;

  constructor(deps: PoolDeps) {
    this.#deps = deps;
    this.#config = deps.config;
    this.#addresses = deps.exposure;
    this.#ward = new KekWard(deps.kek);
    this.#metrics = new PoolMetrics(deps.clock);
    this.#restarts = new Restarts(deps.clock);
    this.#startedAt = deps.clock.now();
    cluster.setupPrimary({
      // Beside this file among the sources, beside the bundle in the built package (.ci/bundle.ts).
      exec: join(import.meta.dirname, `worker-main${extname(import.meta.filename)}`),
      args: [],
      serialization: 'advanced',
    });
  }

  running(first: Started): Running {
    this.#open = true;
    return {
      http: first.http,
      grpc: first.grpc,
      kek: first.kek,
      reload: (config) => this.#reload(config),
      drain: (deadline) => this.#drain(deadline),
      close: () => this.close(),
    };
  }

  /** Starts one worker; resolves when it listens. Throws why it could not. */
  async add(): Promise<Started> {
    const member = this.#fork();
    const start: Start = {
      config: this.#config,
      http: this.#addresses.http,
      grpc: this.#addresses.grpc,
      kek: this.#ward.plain(),
      startedAt: this.#startedAt,
    };
    const started = (await member.rpc.call('start', start)) as Started;
    member.started = started;
    return started;
  }

  async close(): Promise<void> {
    this.#ending.abort();
    await Promise.all([...this.#members].map((member) => this.#end(member)));
    this.#ward.dispose();
  }

  #fork(): Member {
    const worker = cluster.fork();
    const handlers = {
      bootstrap: (body: unknown) => this.#ward.bring(body as PlainKek, member, () => [...this.#members]),
      exposition: () => this.#exposition(),
    };
    const report = (error: unknown) => this.#deps.log.error({ err: error }, 'a call between processes failed');
    const rpc = new Rpc((message) => worker.send(message as object), handlers, report);
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const member: Member = {
      worker,
      rpc,
      exited,
      started: undefined,
      take: (kek) => rpc.call('take', kek),
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
    member.rpc.break();
    void this.#metrics.forget(member.worker.id);
    if (!this.#open || this.#ending.signal.aborted) return;
    this.#deps.log.error({ worker: member.worker.process.pid, code, signal }, 'a worker ended; it is replaced');
    // When the last one is gone nobody holds the ports any more: port 0 would become another one.
    if (member.started !== undefined && this.#started().length === 0) this.#addresses = boundOf(member.started);
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

  async #reload(config: Config): Promise<readonly string[]> {
    const changes = await Promise.all(
      this.#started().map(({ rpc }) => rpc.call('reload', config) as Promise<string[]>),
    );
    this.#config = config;
    return [...new Set(changes.flat())];
  }

  async #drain(deadline: number): Promise<void> {
    this.#ending.abort();
    const drained = [...this.#members].map(({ rpc, started, kill }) =>
      started === undefined ? kill() : rpc.call('drain', deadline).catch(() => {}),
    );
    await Promise.all(drained);
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

function boundOf({ http, grpc }: Started): Pick<Exposure, 'http' | 'grpc'> {
  return { http: parseAddress(http.replace(/^https?:\/\//, '')) as Address, grpc: parseAddress(grpc) };
}

/** Ends this process's workers without waiting. */
export function killWorkers(): void {
  for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGKILL');
}
