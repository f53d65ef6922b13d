/** What is known of an error that an Azure SDK threw: the facts that the tables in errors.ts are about. */
export interface Failure {
  readonly name: string;
  /** Of HTTP; 0 where there was no answer. */
  readonly status: number;
  /** Azure's word, such as `KeyNotFound`, or Node's, such as `ECONNREFUSED`; else empty. */
  readonly code: string;
  /** Key Vault's sharper word, such as `KeyDisabled`; else empty. */
  readonly inner: string;
  /** Microsoft Entra's number, such as `7000222`; else empty. */
  readonly aadsts: string;
  /** To be matched, never to be shown. */
  readonly text: string;
  /** Seconds. */
  readonly retryAfter: number | undefined;
}

/** Reads errors of core-rest-pipeline, @azure/identity, MSAL and Node. */
export function failureOf(error: unknown): Failure {
  const fields = record(error);
  const details = record(fields['details']);
  const body = record(details['error']);
  const text = [fields['message'], body['message'], details['authenticationErrorDetail']]
    .filter((part) => typeof part === 'string')
    .join('\n');
  return {
    name: word(fields['name']),
    status: typeof fields['statusCode'] === 'number' ? fields['statusCode'] : 0,
    code: word(fields['code']) || word(details['errorCode']) || word(body['code']),
    inner: word(record(body['innerError'])['code']),
    aadsts: /AADSTS(\d+)/.exec(text)?.[1] ?? '',
    text,
    retryAfter: typeof fields['retryAfter'] === 'number' ? fields['retryAfter'] : undefined,
  };
}

/** For the log: without request and answer, which an SDK's error holds and which may hold keys and credentials. */
export function withoutRequest(error: unknown): unknown {
  const { name, status, code, inner, text } = failureOf(error);
  return { name, message: text, status, code, inner };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function word(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
