import { KeysteadError, type Reason } from '../../core/errors.ts';

/**
 * What one process can ask of another over node:cluster's channel. `handle` is the socket that was sent along; undefined
 * too when it did not arrive, since this process has no descriptors left.
 */
export type Handlers = Readonly<Record<string, (body: unknown, handle: unknown) => Promise<unknown>>>;

type Message =
  | { readonly keystead: 'call'; readonly id: number; readonly method: string; readonly body: unknown }
  /** Goes before its call, with the socket: where the socket gets lost on the way, Node loses the message with it. */
  | { readonly keystead: 'handle'; readonly id: number }
  | { readonly keystead: 'answer'; readonly id: number; readonly body: unknown }
  | { readonly keystead: 'failure'; readonly id: number; readonly reason: Reason; readonly message: string };

/**
 * Calls between two processes, both ways over one channel.
 *
 * Promises: calls arrive in the order they were made; an error arrives with its reason and message, whose text is fit
 * for callers already; when the channel breaks, every call that waits fails with `closing`.
 */
export class Rpc {
  readonly #send: (message: Message, handle?: unknown) => void;
  readonly #handlers: Handlers;
  readonly #report: (error: KeysteadError) => void;
  readonly #waiting = new Map<number, { resolve(body: unknown): void; reject(error: KeysteadError): void }>();
  readonly #handles = new Map<number, unknown>();
  #next = 1;
  #broken = false;

  /** @param report is told of failures whose text is not for the other side. */
  constructor(
    send: (message: unknown, handle?: unknown) => void,
    handlers: Handlers,
    report: (error: KeysteadError) => void,
  ) {
    this.#send = send;
    this.#handlers = handlers;
    this.#report = report;
  }

  call(method: string, body?: unknown, handle?: unknown): Promise<unknown> {
    if (this.#broken) return Promise.reject(gone());
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      if (handle !== undefined) this.#post({ keystead: 'handle', id }, handle);
      this.#post({ keystead: 'call', id, method, body });
    });
  }

  /** Everything that comes over the channel; what is not ours is left alone. */
  receive(received: unknown, handle?: unknown): void {
    const message = received as Message | null;
    if (typeof message !== 'object' || message === null) return;
    if (message.keystead === 'handle') this.#handles.set(message.id, handle);
    if (message.keystead === 'call') void this.#answer(message);
    if (message.keystead === 'answer') this.#take(message.id)?.resolve(message.body);
    if (message.keystead === 'failure')
      this.#take(message.id)?.reject(new KeysteadError(message.reason, message.message));
  }

  /** The other process is gone. */
  break(): void {
    this.#broken = true;
    for (const { reject } of this.#waiting.values()) reject(gone());
    this.#waiting.clear();
  }

  async #answer({ id, method, body }: { id: number; method: string; body: unknown }): Promise<void> {
    try {
      const handler = this.#handlers[method];
      if (handler === undefined) throw new KeysteadError('unexpected', `there is no call ${method} between processes`);
      const handle = this.#handles.get(id);
      this.#handles.delete(id);
      this.#post({ keystead: 'answer', id, body: await handler(body, handle) });
    } catch (error) {
      const failure = KeysteadError.from(error);
      if (failure.reason === 'unexpected') this.#report(failure);
      this.#post({ keystead: 'failure', id, reason: failure.reason, message: failure.message });
    }
  }

  #take(id: number): { resolve(body: unknown): void; reject(error: KeysteadError): void } | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #post(message: Message, handle?: unknown): void {
    try {
      this.#send(message, handle);
    } catch {
      this.break();
    }
  }
}

function gone(): KeysteadError {
  return new KeysteadError('closing', 'the other process of the service is gone');
}
