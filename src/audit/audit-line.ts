import { createHash } from 'node:crypto';
import type { AuditEvent } from '../core/audit.ts';
import type { Principal } from '../core/call.ts';
import { printableJson } from '../core/printable-json.ts';
import { Remembered } from '../core/remembered.ts';

/** Bytes of the longest line, its newline included: a pipe takes as much in one piece. */
export const MAX_LINE = 4096;
/** Bytes of what the chain adds to a line at most (hash-chain.ts). */
const CHAIN = 256;
/** UTF-16 units of a resource that fit without counting: six bytes each at most, as `\u0000` has. */
const SHORT_RESOURCE = 256;
/** Rules whose names are kept as JSON. */
const MOST_RULES = 1000;

export interface LineOptions {
  /** Gives what stands in the place of a data key's id; absent: the id itself. */
  readonly hideId?: ((id: string) => string) | undefined;
}

/**
 * Makes audit lines without what chains them: `{"audit":2,…` up to where the chain's own names follow
 * (docs/formats/audit.md).
 *
 * Promises: the finished line is valid JSON without any character that cannot be seen, at most 4096 bytes where principal and details are of usual size; a
 * resource that would make it longer is shortened and its SHA-256 stands beside it.
 */
export function auditLines({ hideId }: LineOptions = {}): (event: AuditEvent) => string {
  // The same few principals ask again and again for much the same; what does not change is written once.
  const callers = new WeakMap<Principal, Caller>();
  const rules = new Remembered<string>(MOST_RULES);
  let lastTime = Number.NaN;
  let lastTimeText = '';
  let lastDetails: Details = {};
  let lastDetailsJson = '{}';
  const timeText = (time: Date) => {
    if (time.getTime() !== lastTime) {
      lastTime = time.getTime();
      lastTimeText = time.toISOString();
    }
    return lastTimeText;
  };
  const callerJson = ({ principal, listener, source, action }: AuditEvent) => {
    const last = callers.get(principal);
    if (last?.listener === listener && last.source === source && last.action === action) return last.json;
    const who = printableJson({ kind: principal.kind, name: principal.name });
    const from = source === undefined ? '' : `,"source":${printableJson(source)}`;
    const json = `"principal":${who},"listener":"${listener}"${from},"action":"${action}",`;
    callers.set(principal, { listener, source, action, json });
    return json;
  };
  const ruleJson = (rule: string | undefined) => {
    if (rule === undefined) return '';
    const known = rules.find(rule);
    if (known !== undefined) return known;
    const made = `,"rule":${printableJson(rule)}`;
    rules.put(rule, made);
    return made;
  };
  const detailsJson = (details: Details) => {
    if (!areSame(details, lastDetails)) {
      lastDetails = details;
      lastDetailsJson = printableJson(details);
    }
    return lastDetailsJson;
  };
  return (event) => {
    const head = `{"audit":2,"time":"${timeText(event.time)}","auditId":${printableJson(event.auditId)},${callerJson(event)}`;
    const reason = event.reason === undefined ? '' : `,"reason":"${event.reason}"`;
    const rule = ruleJson(event.rule);
    const details = event.details === undefined ? '' : `,"details":${detailsJson(event.details)}`;
    const tail = `,"outcome":"${event.outcome}"${reason}${rule}${details}`;
    const isId = event.action.startsWith('data-key.');
    const resource = hideId !== undefined && isId ? hideId(event.resource) : event.resource;
    const line = `${head}"resource":${printableJson(resource)}${tail}`;
    if (resource.length <= SHORT_RESOURCE || Buffer.byteLength(line) <= MAX_LINE - CHAIN) return line;
    return `${head}${shortened(resource)}${tail}`;
  };
}

/** How the line of a caller went on the last time. */
interface Caller {
  readonly listener: string;
  readonly source: string | undefined;
  readonly action: string;
  readonly json: string;
}

type Details = NonNullable<AuditEvent['details']>;

function areSame(a: Details, b: Details): boolean {
  for (const name in b) if (!Object.hasOwn(a, name)) return false;
  for (const name in a) if (a[name] !== b[name]) return false;
  return true;
}

/** Whole characters only: half a surrogate pair has no UTF-8 form. */
function shortened(resource: string): string {
  const start = resource.slice(0, SHORT_RESOURCE).replace(/[\ud800-\udbff]$/, '');
  const sha256 = createHash('sha256').update(resource).digest('hex');
  return `"resource":${printableJson(start)},"resourceSha256":"${sha256}"`;
}
