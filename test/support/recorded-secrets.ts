import { SecretBytes } from '../../src/core/secret-bytes.ts';

/** Every secret that is made from now on until the end of the test, to see whether it was disposed. */
export function recordedSecrets(t: { teardown(fn: () => unknown): void }): readonly SecretBytes[] {
  const made: SecretBytes[] = [];
  const { own, copyOf } = SecretBytes;
  const record = (secret: SecretBytes): SecretBytes => {
    made.push(secret);
    return secret;
  };
  SecretBytes.own = (bytes) => record(own.call(SecretBytes, bytes));
  SecretBytes.copyOf = (bytes) => record(copyOf.call(SecretBytes, bytes));
  t.teardown(() => Object.assign(SecretBytes, { own, copyOf }));
  return made;
}
