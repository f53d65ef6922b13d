/** What is known of an error that a Google SDK threw: the facts that the table in errors.ts is about. */
export interface Failure {
  /** Status of gRPC, for Cloud KMS. */
  readonly grpc: number | undefined;
  /** Status of HTTP, for Cloud Storage and where tokens come from. */
  readonly http: number | undefined;
  /** Of Node or OpenSSL, such as `ECONNREFUSED`; else empty. */
  readonly code: string;
  /** Google's own word, such as `ACCESS_TOKEN_EXPIRED` or `rateLimitExceeded`; else empty. */
  readonly reason: string;
  /** To be matched, never to be shown. */
  readonly text: string;
  /** Seconds. */
  readonly retryAfter: number | undefined;
}

/** Reads errors of grpc-js, google-gax, gaxios, google-auth-library and Node. */
export function failureOf(error: unknown): Failure {
  const fields = record(error);
  const response = record(fields['response']);
  const data = record(response['data'] ?? documentOf(fields['message']));
  const body = record(data['error']);
  const first = record(Array.isArray(body['errors']) ? body['errors'][0] : undefined);
  const code = fields['code'] ?? record(fields['cause'])['code'];
  const overHttp = 'config' in fields || 'response' in fields;
  return {
    grpc: !overHttp && typeof code === 'number' ? code : undefined,
    http: number(fields['status']) ?? number(response['status']),
    code: typeof code === 'string' ? code : '',
    reason: [fields['reason'], first['reason'], body['status']].find((word) => typeof word === 'string') ?? '',
    text: [fields['message'], fields['details'], data['error'], data['error_description'], body['message']]
      .filter((part) => typeof part === 'string')
      .join('\n'),
    retryAfter: retryAfter(response['headers']),
  };
}

/** For the log: without request, headers and bodies, which an SDK's error holds and which may hold credentials. */
export function withoutRequest(error: unknown): unknown {
  const { grpc, http, code, reason } = failureOf(error);
  const fields = record(error);
  return { name: fields['name'], message: fields['message'], grpc, http, code, reason };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

/** Where an object's bytes were asked for, the SDK gives the document of an error as its message. */
function documentOf(message: unknown): unknown {
  if (typeof message !== 'string' || !message.startsWith('{')) return undefined;
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}

function number(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}

/** Not `instanceof Headers`: the SDK brings a class of its own. */
function retryAfter(headers: unknown): number | undefined {
  const get = record(headers)['get'];
  const text: unknown = typeof get === 'function' ? get.call(headers, 'retry-after') : undefined;
  return typeof text === 'string' && /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}
