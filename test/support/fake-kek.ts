import type { Call } from '../../src/core/call.ts';
import { KeysteadError, type Reason } from '../../src/core/errors.ts';
import type { Kek } from '../../src/core/kek.ts';
import { SecretBytes } from '../../src/core/secret-bytes.ts';

/** A KEK for tests of what stands around one: it wraps by flipping bits, and fails as it is told. */
export class FakeKek implements Kek {
  readonly uri = 'kms://fake';
  readonly calls: ('wrap' | 'unwrap' | 'check')[] = [];
  version = '1';
  fails: Partial<Record<'wrap' | 'unwrap' | 'check', Reason>> = {};
  /** Unwraps something else than was wrapped. */
  lies = false;
  /** Waited for by every call. */
  gate: (operation: string, call: Call) => Promise<void> = async () => {};

  count(operation: 'wrap' | 'unwrap' | 'check'): number {
    return this.calls.filter((call) => call === operation).length;
  }

  async wrap(key: SecretBytes, _context: unknown, call: Call) {
    await this.#enter('wrap', call);
    return { kek: this.uri, version: this.version, algorithm: 'flip', bytes: key.expose().map((byte) => byte ^ 0xff) };
  }

  async unwrap(wrapped: { readonly bytes: Uint8Array }, _context: unknown, call: Call) {
    await this.#enter('unwrap', call);
    return SecretBytes.own(wrapped.bytes.map((byte) => byte ^ (this.lies ? 0 : 0xff)));
  }

  async check(call: Call) {
    await this.#enter('check', call);
  }

  async close() {}

  async #enter(operation: 'wrap' | 'unwrap' | 'check', call: Call): Promise<void> {
    this.calls.push(operation);
    await this.gate(operation, call);
    const reason = this.fails[operation];
    if (reason !== undefined) throw new KeysteadError(reason, `the fake KEK fails to ${operation}`);
  }
}
