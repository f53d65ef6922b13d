import type { AuditEvent, AuditSink } from '../core/audit.ts';
import type { Clock } from '../core/clock.ts';
import { auditLines, type LineOptions, MAX_LINE } from './audit-line.ts';
import { type CheckpointSigner, checkpointLine, openLine } from './checkpoint.ts';
import { HashChain } from './hash-chain.ts';
import { LineSpool } from './line-spool.ts';
import type { LinePlace } from './place.ts';

export interface TrailOptions extends LineOptions {
  readonly place: LinePlace;
  readonly clock: Clock;
  /** 32 hex digits, those of no other chain. */
  readonly chain: string;
  /** Of the service, for the line that opens the chain. */
  readonly version: string;
  /** Milliseconds that the place may take for a line. */
  readonly deadline: number;
  /** Bytes of lines that may wait for the place. */
  readonly spool: number;
  /** Milliseconds between checkpoints at most, while lines are written. */
  readonly checkpoint: number;
  readonly signer?: CheckpointSigner | undefined;
}

/**
 * The audit trail of one process: lines, chained, to one place (docs/formats/audit.md).
 *
 * Promises: `write` resolves when the place has the line; it rejects at once while the place fails or stalls, and when
 * it has not taken the line in time. A line that was accepted is written in its turn all the same, so a chain has no
 * gaps; a line that was refused is in no chain.
 */
export async function openTrail(options: TrailOptions): Promise<AuditSink> {
  const { place, clock, signer, deadline } = options;
  const chain = new HashChain(options.chain);
  const toBody = auditLines(options);
  const spool = new LineSpool({ place, clock, deadline, maxWaiting: options.spool });
  const before = await place.open?.();
  /** The line that opens the chain goes before the first one that is accepted, so it is no younger than that one. */
  const begin = (time: Date): Promise<void> | undefined => {
    if (chain.head.seq > 0) return undefined;
    const written = spool.write(chain.next(openLine(time, options.version, before)));
    written.catch(() => {});
    return written;
  };
  const accept = (time: Date, body: () => string): { readonly line: string; readonly written: Promise<void> } => {
    const refusal = spool.refusal(2 * MAX_LINE);
    if (refusal !== undefined) throw refusal;
    void begin(time);
    const line = chain.next(body());
    return { line, written: spool.write(line) };
  };
  let vouched = 0;
  const vouch = async (type: 'checkpoint' | 'close'): Promise<void> => {
    const now = clock.now();
    const { line, written } = accept(now, () => checkpointLine(type, now, chain.head, signer));
    vouched = chain.head.seq;
    await written;
    await place.keepHead?.(line);
  };
  // A collector that is away is known at once, and may come back: until then the service says why it is not ready. A
  // stream is opened by the first line: a service that does not start leaves nothing there.
  if (place.recovers) await begin(clock.now())?.catch(() => {});
  const ending = new AbortController();
  const vouching = every(clock, options.checkpoint, ending.signal, async () => {
    // What fails here is seen by whoever writes the next line.
    if (chain.head.seq > vouched) await vouch('checkpoint').catch(() => {});
  });
  return {
    write(event: AuditEvent) {
      try {
        return accept(event.time, () => toBody(event)).written;
      } catch (error) {
        return Promise.reject(error);
      }
    },
    failure: () => spool.failure,
    lagSeconds: () => spool.lagSeconds(),
    async close() {
      ending.abort();
      await vouching;
      if (chain.head.seq > 0) await vouch('close').catch(() => {});
      await spool.close();
      await place.close();
    },
  };
}

/** Until the signal says so. */
async function every(clock: Clock, ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  while (!signal.aborted) {
    try {
      await clock.sleep(ms, signal);
    } catch {
      return;
    }
    await work();
  }
}
