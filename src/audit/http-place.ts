import { KeysteadError } from '../core/errors.ts';
import { parseLine } from './parse-line.ts';
import type { LinePlace } from './place.ts';

export interface HttpPlaceOptions {
  /** `http:`, `https:`, `otlp+http:` or `otlp+https:`. */
  readonly url: string;
  /** Milliseconds for one batch, answer included. */
  readonly timeoutMs: number;
  /** Gives the bearer token for the collector, read anew for each batch; absent: none is sent. */
  readonly token?: (() => Promise<string>) | undefined;
}

/** Bytes of lines in one request: collectors commonly take some megabytes. */
const MAX_BATCH = 512 * 1024;
/** Bytes of an answer that are looked at. */
const MAX_ANSWER = 64 * 1024;

/**
 * A collector that lines are posted to, as they are (`application/x-ndjson`) or as OTLP log records. An answer of 2xx
 * means that it has them; anything else, and they are posted again, so it may get the same line twice.
 */
export function httpPlace({ url, timeoutMs, token }: HttpPlaceOptions): LinePlace {
  const otlp = url.startsWith('otlp+');
  const target = new URL(otlp ? url.slice('otlp+'.length) : url);
  // As OpenTelemetry's exporters do with a base address (OTLP specification, "Endpoint URLs").
  if (otlp && target.pathname === '/') target.pathname = '/v1/logs';
  const type = otlp ? 'application/json' : 'application/x-ndjson';
  return {
    name: `${otlp ? 'otlp+' : ''}${target.origin}${target.pathname}`,
    maxBatch: MAX_BATCH,
    recovers: true,
    async append(lines) {
      const bearer = await token?.();
      const { ok, status, answer } = await post(target, timeoutMs, {
        headers: { 'content-type': type, ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }) },
        body: otlp ? logRecords(lines) : lines,
      });
      if (!ok) throw refused(`it answered ${status}`);
      if (otlp) assertAllTaken(answer);
    },
    close: async () => {},
  };
}

/** OTLP/HTTP with JSON: one log record a line (opentelemetry-proto, logs/v1). */
function logRecords(lines: string): string {
  const records = lines
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const time = Date.parse(parseLine(line)?.time ?? '');
      return {
        timeUnixNano: `${BigInt(Number.isNaN(time) ? 0 : time) * 1_000_000n}`,
        severityNumber: 9,
        severityText: 'INFO',
        body: { stringValue: line },
      };
    });
  const attributes = [{ key: 'service.name', value: { stringValue: 'keystead' } }];
  const scopeLogs = [{ scope: { name: 'keystead.audit' }, logRecords: records }];
  return JSON.stringify({ resourceLogs: [{ resource: { attributes }, scopeLogs }] });
}

/** A collector may answer 200 and say that it has dropped some. */
function assertAllTaken(answer: string): void {
  if (answer === '') return;
  try {
    const { partialSuccess } = JSON.parse(answer) as { partialSuccess?: { rejectedLogRecords?: unknown } };
    if (Number(partialSuccess?.rejectedLogRecords ?? 0) === 0) return;
  } catch {
    return;
  }
  throw refused('it has not taken all of them');
}

/** Throws why no answer came, in a word of the system's. */
async function post(target: URL, timeoutMs: number, request: Pick<RequestInit, 'headers' | 'body'>) {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(target, { method: 'POST', ...request, redirect: 'manual', signal });
    return { ok: response.ok, status: response.status, answer: await smallText(response) };
  } catch (error) {
    // What went wrong is the cause of what fetch throws, whose own message may quote a header.
    const { code, message } = ((error as Error).cause ?? {}) as Partial<NodeJS.ErrnoException>;
    throw refused(signal.aborted ? `no answer within ${timeoutMs} ms` : (code ?? message ?? 'unknown error'), error);
  }
}

async function smallText(response: Response): Promise<string> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MAX_ANSWER) break;
  }
  return text;
}

function refused(why: string, cause?: unknown): KeysteadError {
  return new KeysteadError('audit-unavailable', why, { cause });
}
