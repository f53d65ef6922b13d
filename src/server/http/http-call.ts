import type { ServerResponse } from 'node:http';
import type { Call, Principal } from '../../core/call.ts';
import { KeysteadError } from '../../core/errors.ts';

export const ANONYMOUS: Principal = { kind: 'anonymous', name: 'anonymous', groups: [] };

/** The listeners that speak HTTP. */
export type HttpListener = 'http' | 'admin';

/** One HTTP request on its way through the house. */
export class HttpCall implements Call {
  readonly principal: Principal;
  readonly traceId: string;
  readonly listener: HttpListener;
  readonly source?: string;
  readonly #response: ServerResponse;
  #signal: AbortSignal | undefined;

  constructor(
    principal: Principal,
    traceId: string,
    response: ServerResponse,
    from: { readonly listener: HttpListener; readonly source?: string },
  ) {
    this.listener = from.listener;
    if (from.source !== undefined) this.source = from.source;
    this.principal = principal;
    this.traceId = traceId;
    this.#response = response;
  }

  /** Made when somebody asks: a derived key is there before anybody could. */
  get signal(): AbortSignal {
    this.#signal ??= abortedWhenGone(this.#response);
    return this.#signal;
  }
}

function abortedWhenGone(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const gone = () => controller.abort(new KeysteadError('client-gone', 'the caller went away before the answer'));
  if (response.destroyed) gone();
  else response.once('close', () => response.writableFinished || gone());
  return controller.signal;
}
