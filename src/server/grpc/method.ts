import type { Credentials } from '../../core/authenticator.ts';
import type { Call, Principal } from '../../core/call.ts';

/** The path of the method that gets what is for no other one. */
export const ANY_PATH = '*';

interface AnyMethod {
  /** `/package.Service/Method`, as it stands in `:path`; or `ANY_PATH`. */
  readonly path: string;
  /** Bytes of a request message at most; more is `resource_exhausted`. */
  readonly limit: number;
  /** Who calls. Asked before a byte of the message is read. */
  admit(credentials: Credentials): Promise<Principal>;
}

/**
 * A method of one message in, one message out. Knows nothing of HTTP/2: a transport gives it the message without its
 * frame. The answer belongs to the transport, which wipes it when it is sent. Fails with `KeysteadError`, whose
 * `grpcStatus` is the status that the caller gets.
 */
export interface UnaryMethod extends AnyMethod {
  answer(message: Uint8Array, call: Call): Promise<Uint8Array>;
}

/** A method of one message in, many out. Ends or throws soon after `call.signal` is aborted. */
export interface StreamingMethod extends AnyMethod {
  answers(message: Uint8Array, call: Call): AsyncIterable<Uint8Array>;
}

export type Method = UnaryMethod | StreamingMethod;
