/** Who asks. `local` is the user of a development server, who may do everything there. */
export interface Principal {
  readonly kind: 'service-account' | 'certificate' | 'token' | 'local' | 'anonymous';
  readonly name: string;
  readonly groups: readonly string[];
}

/** One request on its way through the house: who asks, until when, traced how. The last argument of every method. */
export interface Call {
  readonly principal: Principal;
  /** Aborted when the caller goes away or the deadline passes; its `reason` says which. */
  readonly signal: AbortSignal;
  /** 32 lower-case hex digits, as W3C Trace Context writes a trace id; also the audit id of the request. */
  readonly traceId: string;
  /** The listener that the request came through, `internal` for the service's own work. */
  readonly listener: 'http' | 'grpc' | 'internal';
}
