/**
 * Asks a Kubernetes API server about a ServiceAccount token, since it knows what a signature does not tell: that the
 * account, or the object that the token is bound to, is gone.
 */
export interface TokenReviewer {
  /**
   * Resolves with what the API server says. Throws `token-review-unavailable` where it says nothing, or nothing that can
   * be understood: that is never a yes.
   *
   * @param audiences of which the token must have one.
   */
  review(token: string, audiences: readonly string[]): Promise<Review>;
}

export interface Review {
  /** True where the API server says so, and says so for one of the audiences. */
  readonly authenticated: boolean;
  /** As the API server names the caller; empty where it is not authenticated. */
  readonly username: string;
}
