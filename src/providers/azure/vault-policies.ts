interface Answer {
  readonly status: number;
  readonly bodyAsText?: string | null;
  readonly headers: { get(name: string): string | undefined };
}

/** What the SDK lets its users put around the sending of a request; the SDK's own types come from a package below it. */
interface Policy {
  readonly name: string;
  sendRequest<R, A extends Answer>(request: R, next: (request: R) => Promise<A>): Promise<A>;
}

/** Around each try. The SDK would wait as long as it is told, and the caller would learn of a timeout instead. */
const throttlingIsForTheCaller: Policy = {
  name: 'throttlingIsForTheCaller',
  async sendRequest(request, next) {
    const answer = await next(request);
    if (answer.status !== 429) return answer;
    const seconds = answer.headers.get('retry-after') ?? '';
    const retryAfter = /^\d{1,6}$/.test(seconds) ? { retryAfter: Number(seconds) } : {};
    throw Object.assign(new Error('the vault throttles'), { statusCode: 429, ...retryAfter });
  },
};

/** Around all tries. The SDK trips over a failure without a JSON body, as gateways and proxies give it. */
const failuresHaveAStatus: Policy = {
  name: 'failuresHaveAStatus',
  async sendRequest(request, next) {
    const answer = await next(request);
    if (answer.status < 400 || hasErrorBody(answer.bodyAsText)) return answer;
    throw Object.assign(new Error('a failure without a body of Key Vault'), { statusCode: answer.status });
  },
};

export const VAULT_POLICIES: { policy: Policy; position: 'perCall' | 'perRetry' }[] = [
  { policy: throttlingIsForTheCaller, position: 'perRetry' },
  { policy: failuresHaveAStatus, position: 'perCall' },
];

function hasErrorBody(text: string | null | undefined): boolean {
  try {
    const body: unknown = JSON.parse(text ?? '');
    return typeof body === 'object' && body !== null && 'error' in body && typeof body.error === 'object';
  } catch {
    return false;
  }
}
