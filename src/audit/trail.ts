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
  const accept = (body: string): Promise<void> => {
    const refusal = spool.refusal(MAX_LINE);
    return refusal === undefined ? spool.write(chain.next(body)) : Promise.reject(refusal);
  };
  let vouched = 0;
  const vouch = async (type: 'checkpoint' | 'close'): Promise<void> => {
    const refusal = spool.refusal(MAX_LINE);
    if (refusal !== undefined) throw refusal;
    const line = chain.next(checkpointLine(type, clock.now(), chain.head, signer));
    vouched = chain.head.seq;
    await spool.write(line);
    await place.keepHead?.(line);
  };
  const opened = accept(openLine(clock.now(), options.version, await place.open?.()));
  // A collector that is away may come back: until then the service is up, says why it is not ready, and gives no key.
  await opened.catch((error) => {
    if (!place.recovers) throw error;
  });
  const ending = new AbortController();
  const vouching = every(clock, options.checkpoint, ending.signal, async () => {
    // What fails here is seen by whoever writes the next line.
    if (chain.head.seq > vouched) await vouch('checkpoint').catch(() => {});
  });
  return {
    write: (event: AuditEvent) => accept(toBody(event)),
    failure: () => spool.failure,
    lagSeconds: () => spool.lagSeconds(),
    async close() {
      ending.abort();
      await vouching;
      await vouch('close').catch(() => {});
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
