import type { Call, Principal } from '../../core/call.ts';
import type { KeysteadError } from '../../core/errors.ts';

/** A call whose signal is made when somebody asks for it: most data keys are answered without a wait. */
export class LiveCall implements Call {
  readonly principal: Principal;
  readonly traceId: string;
  readonly listener = 'grpc';
  readonly source?: string;
  #controller: AbortController | undefined;
  #reason: KeysteadError | undefined;

  constructor(principal: Principal, traceId: string, source?: string) {
    if (source !== undefined) this.source = source;
    this.principal = principal;
    this.traceId = traceId;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  abort(reason: KeysteadError): void {
    this.#reason ??= reason;
    this.#controller?.abort(this.#reason);
  }
}
