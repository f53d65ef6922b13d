/**
 * Who asks. `local` is the user of a development server, who may do everything there; `anonymous` is whoever shows no
 * credentials on a listener that allows it.
 */
export interface Principal {
  readonly kind: 'service-account' | 'oidc' | 'certificate' | 'token' | 'local' | 'anonymous';
  readonly name: string;
  readonly groups: readonly string[];
  /** Of a Kubernetes ServiceAccount. */
  readonly namespace?: string;
  /** The bare name of a Kubernetes ServiceAccount, without its namespace. */
  readonly serviceAccount?: string;
}

/** Where a request came in: `admin` is HTTP for those who run the service; `internal` is the service's own work. */
export type Listener = 'http' | 'grpc' | 'admin' | 'internal';

/** One request on its way through the house: who asks, until when, traced how. The last argument of every method. */
export interface Call {
  readonly principal: Principal;
  /** Aborted when the caller goes away or the deadline passes; its `reason` says which. */
  readonly signal: AbortSignal;
  /** 32 lower-case hex digits, as W3C Trace Context writes a trace id; also the audit id of the request. */
  readonly traceId: string;
  readonly listener: Listener;
  /** Address of the peer, without its port; absent for the service's own work. */
  readonly source?: string;
}
