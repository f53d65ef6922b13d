import { KeysteadError } from '../../core/errors.ts';
import type { Review, TokenReviewer } from '../../core/token-review.ts';
import type { KubernetesApi } from './api.ts';

const PATH = '/apis/authentication.k8s.io/v1/tokenreviews';
const REASON = 'token-review-unavailable';

/**
 * TokenReview (authentication.k8s.io/v1).
 *
 * Promises: a yes is `authenticated: true` together with one of the audiences that were asked for; the API server
 * answers 201 for tokens that it does not accept, too.
 */
export function tokenReviewer(api: KubernetesApi): TokenReviewer {
  return {
    async review(token, audiences) {
      const spec = { token, audiences };
      const { status, body } = await api.post(
        PATH,
        { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec },
        REASON,
      );
      if (status !== 200 && status !== 201) throw new KeysteadError(REASON, refusal(status));
      return readReview(body, audiences);
    },
  };
}

function refusal(status: number): string {
  if (status === 401) return 'the API server does not accept the token of the service itself (401)';
  if (status === 403) return 'the API server does not let the service create tokenreviews (403)';
  return `the API server answers a TokenReview with status ${status}`;
}

function readReview(body: unknown, audiences: readonly string[]): Review {
  const { kind, status } = record(body);
  if (kind !== 'TokenReview' || typeof status !== 'object' || status === null) {
    throw new KeysteadError(REASON, 'the API server answers a TokenReview with something else');
  }
  const { authenticated, audiences: agreed, user } = record(status);
  const { username } = record(user);
  const forUs = Array.isArray(agreed) && agreed.some((one) => audiences.includes(one));
  if (authenticated !== true || !forUs || typeof username !== 'string') return { authenticated: false, username: '' };
  return { authenticated: true, username };
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
