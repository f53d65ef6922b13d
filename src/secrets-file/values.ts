import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import { SecretBytes } from '../core/secret-bytes.ts';
import { type Pace, paced } from './paced.ts';
import type { Sealer } from './sealer.ts';
import { type Parameter, shown } from './secrets-file.ts';

/** Seals plain texts, in the order given; each failure names its parameter. */
export function sealAll(
  values: readonly { readonly name: string; readonly value: SecretBytes }[],
  sealer: Sealer,
  pace: Pace,
  call: Call,
): Promise<string[]> {
  return paced(
    values,
    sealer.width,
    ({ name, value }) => named(`parameter ${shown(name)}`, () => sealer.seal(name, value, call)),
    pace,
    call,
  );
}

/** The plain value of every parameter, in order, sealed ones opened. The caller disposes each. */
export async function openAll(
  parameters: readonly Parameter[],
  sealer: Sealer,
  pace: Pace,
  call: Call,
): Promise<SecretBytes[]> {
  const opened: SecretBytes[] = [];
  try {
    return await paced(
      parameters,
      sealer.width,
      async ({ name, line, value, sealed }) => {
        const who = `line ${line}: parameter ${shown(name)}`;
        const plain = sealed ? await named(who, () => sealer.open(name, value, call)) : secretText(value);
        opened.push(plain);
        return plain;
      },
      pace,
      call,
    );
  } catch (error) {
    for (const secret of opened) secret.dispose();
    throw error;
  }
}

/** Throws where the bytes are not UTF-8: no file can hold them. */
export function textOf(value: SecretBytes, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(value.expose());
  } catch (error) {
    throw new KeysteadError('bad-secrets-file', `parameter ${shown(name)}: the value is not UTF-8`, { cause: error });
  }
}

export function secretText(text: string): SecretBytes {
  return SecretBytes.own(new TextEncoder().encode(text));
}

async function named<T>(who: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof KeysteadError)) throw error;
    const what =
      error.reason === 'context-mismatch'
        ? 'the ciphertext does not open: it was changed, belongs to another name or file, or is of a key elsewhere'
        : error.message;
    throw error.saying(`${who}: ${what}`);
  }
}
