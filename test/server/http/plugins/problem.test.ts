import { errorCodes } from 'fastify';
import pino from 'pino';
import t from 'tap';
import { KeysteadError, REASONS, type Reason } from '../../../../src/core/errors.ts';
import { FOREIGN_ERRORS, faultLog, problemOf, toKeysteadError } from '../../../../src/server/http/plugins/problem.ts';

const WANTED: Record<string, [Reason, number]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body-too-large', 413],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 415],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['bad-request', 400],
  FST_ERR_ROUTE_MISSING_CONTENT_TYPE: ['unsupported-media-type', 415],
  FST_ERR_NOT_FOUND: ['no-route', 404],
  FST_ERR_BAD_URL: ['bad-request', 400],
  FST_ERR_MAX_PARAM_LENGTH: ['bad-id', 400],
  ECONNRESET: ['client-gone', 499],
  ERR_HTTP_REQUEST_TIMEOUT: ['request-timeout', 408],
  HPE_HEADER_OVERFLOW: ['headers-too-large', 431],
  HPE_CHUNK_EXTENSIONS_OVERFLOW: ['bad-request', 400],
};

t.test('each foreign error has a name of ours', (t) => {
  t.strictSame(Object.keys(FOREIGN_ERRORS), Object.keys(WANTED));
  for (const [code, [reason, status]] of Object.entries(WANTED)) {
    const foreign = Object.assign(new Error('its own words'), { code });
    const error = toKeysteadError(foreign);
    t.equal(error.reason, reason, code);
    t.equal(error.httpStatus, status, code);
    t.notMatch(error.message, 'its own words', code);
    t.equal(error.cause, foreign, code);
    if (code.startsWith('FST_')) t.ok(Object.hasOwn(errorCodes, code), `${code} is one of Fastify's`);
  }
  t.end();
});

t.test('every other parser error is bad HTTP, everything else is unexpected', (t) => {
  t.equal(toKeysteadError(Object.assign(new Error(), { code: 'HPE_INVALID_METHOD' })).reason, 'bad-request');
  for (const thrown of [
    new Error('secret'),
    { code: 'HPE_INVALID_METHOD' },
    'text',
    undefined,
    Object.assign(new Error(), { code: 'toString' }),
  ]) {
    t.match(toKeysteadError(thrown), { reason: 'unexpected', httpStatus: 500 });
  }
  const own = new KeysteadError('sealed', 'words');
  t.equal(toKeysteadError(own), own);
  t.end();
});

t.test('a problem says the same as the table of errors, for every reason', (t) => {
  for (const reason of Object.keys(REASONS) as Reason[]) {
    const error = new KeysteadError(reason, 'what happened', { cause: new Error('secret') });
    t.strictSame(problemOf(error, 'abc'), {
      type: `urn:keystead:problem:${reason}`,
      title: REASONS[reason].title,
      status: error.httpStatus,
      detail: 'what happened',
      instance: 'urn:keystead:audit:abc',
      code: REASONS[reason].code,
      reason,
      retryable: error.retryable,
    });
  }
  t.end();
});

t.test('only what is the own fault of the server is logged, with its cause', (t) => {
  const lines: string[] = [];
  const report = faultLog(pino({}, { write: (line) => void lines.push(line) }));
  const request = { id: 'trace' } as never;
  report(new KeysteadError('bad-id', 'no'), request);
  report(new KeysteadError('sealed', 'no'), request);
  t.equal(lines.length, 0);
  report(KeysteadError.from(new TypeError('broken inside')), request);
  report(new KeysteadError('record-corrupt', 'damaged'), request);
  t.match(JSON.parse(lines[0] ?? ''), {
    level: 50,
    auditId: 'trace',
    reason: 'unexpected',
    err: { message: 'broken inside' },
  });
  t.match(JSON.parse(lines[1] ?? ''), { reason: 'record-corrupt', err: { message: 'damaged' } });
  faultLog(false)(KeysteadError.from(new Error()), request);
  t.end();
});
