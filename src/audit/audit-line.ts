import { createHash } from 'node:crypto';
import type { AuditEvent } from '../core/audit.ts';
import type { Principal } from '../core/call.ts';

/** Bytes of the longest line, its newline included: a pipe takes as much in one piece. */
export const MAX_LINE = 4096;
/** UTF-16 units of a resource that fit without counting: six bytes each at most, as `\u0000` has. */
const SHORT_RESOURCE = 256;

/**
 * Makes audit lines (docs/formats/audit.md).
 *
 * Promises: one line, valid JSON, at most 4096 bytes where principal and details are of usual size; a resource that
 * would make it longer is shortened and its SHA-256 stands beside it.
 */
export function auditLines(): (event: AuditEvent) => string {
  // The same few principals ask again and again; their JSON is made once each.
  const principals = new WeakMap<Principal, string>();
  let lastTime = Number.NaN;
  let lastTimeText = '';
  const principalJson = (principal: Principal) => {
    const known = principals.get(principal);
    if (known !== undefined) return known;
    const made = JSON.stringify({ kind: principal.kind, name: principal.name });
    principals.set(principal, made);
    return made;
  };
  return (event) => {
    const time = event.time.getTime();
    if (time !== lastTime) {
      lastTime = time;
      lastTimeText = event.time.toISOString();
    }
    const head = `{"audit":1,"time":"${lastTimeText}","auditId":${JSON.stringify(event.auditId)},"principal":${principalJson(event.principal)},"listener":"${event.listener}","action":"${event.action}",`;
    const tail = tailOf(event);
    const line = `${head}"resource":${JSON.stringify(event.resource)}${tail}`;
    if (event.resource.length <= SHORT_RESOURCE || Buffer.byteLength(line) <= MAX_LINE) return line;
    return `${head}${shortened(event.resource)}${tail}`;
  };
}

function tailOf(event: AuditEvent): string {
  const reason = event.reason === undefined ? '' : `,"reason":"${event.reason}"`;
  const details = event.details === undefined ? '' : `,"details":${JSON.stringify(event.details)}`;
  return `,"outcome":"${event.outcome}"${reason}${details}}\n`;
}

/** Whole characters only: half a surrogate pair has no UTF-8 form. */
function shortened(resource: string): string {
  const start = resource.slice(0, SHORT_RESOURCE).replace(/[\ud800-\udbff]$/, '');
  const sha256 = createHash('sha256').update(resource).digest('hex');
  return `"resource":${JSON.stringify(start)},"resourceSha256":"${sha256}"`;
}
