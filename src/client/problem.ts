import { CODES, type Code, KeysteadError, REASONS, type Reason } from '../core/errors.ts';

/** Characters of the service's own words that are repeated. */
const MAX_DETAIL = 1000;

/** For a reason that this version does not know: the word that says as much as its code does. */
const REASON_OF_CODE: Readonly<Record<Code, Reason>> = {
  invalid_argument: 'bad-request',
  unauthenticated: 'bad-credentials',
  permission_denied: 'policy',
  not_found: 'no-data-key',
  already_exists: 'data-key-exists',
  aborted: 'stale-etag',
  failed_precondition: 'precondition',
  resource_exhausted: 'too-many-requests',
  canceled: 'client-gone',
  deadline_exceeded: 'timeout',
  unavailable: 'server-unreachable',
  unimplemented: 'not-implemented',
  data_loss: 'record-corrupt',
  internal: 'unexpected',
};

const REASON_OF_STATUS: Readonly<Record<number, Reason>> = {
  401: 'bad-credentials',
  403: 'policy',
  429: 'too-many-requests',
  502: 'server-unreachable',
  503: 'server-unreachable',
  504: 'timeout',
};

/**
 * The error that a problem document (RFC 9457) tells of: the same reason and code as in the service, or, where a newer
 * service has a reason unknown here, the same code.
 *
 * @param problem the parsed document, or undefined when the answer was none: a proxy in between, most probably.
 * @param retryAfter seconds.
 */
export function problemError(status: number, problem: unknown, server: string, retryAfter?: number): KeysteadError {
  const options = retryAfter === undefined ? {} : { retryAfter };
  const { reason, code, detail, title } = fields(problem);
  if (code === undefined) {
    const text = `${server} answered with status ${status} and no problem document; is it a Keystead service?`;
    return new KeysteadError(REASON_OF_STATUS[status] ?? 'bad-answer', text, options);
  }
  const text = oneLine(detail ?? title ?? 'the service gave no details');
  if (isReason(reason) && REASONS[reason].code === code) return new KeysteadError(reason, text, options);
  const word = /^[a-z0-9-]{1,64}$/.test(reason ?? '') ? ` (${reason})` : '';
  return new KeysteadError(REASON_OF_CODE[code], `${text}${word}`, options);
}

function fields(problem: unknown): { reason?: string; code?: Code; detail?: string; title?: string } {
  if (typeof problem !== 'object' || problem === null) return {};
  const strings = Object.entries(problem).filter(([, value]) => typeof value === 'string');
  const { reason, code, detail, title } = Object.fromEntries(strings) as Record<string, string | undefined>;
  return {
    ...(reason === undefined ? {} : { reason }),
    ...(code !== undefined && Object.hasOwn(CODES, code) ? { code: code as Code } : {}),
    ...(detail === undefined ? {} : { detail }),
    ...(title === undefined ? {} : { title }),
  };
}

function isReason(reason: string | undefined): reason is Reason {
  return reason !== undefined && Object.hasOwn(REASONS, reason);
}

/** Text from the network on its way to a log or a terminal: one line, without control characters. */
function oneLine(text: string): string {
  return text.slice(0, MAX_DETAIL).replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, ' ');
}
