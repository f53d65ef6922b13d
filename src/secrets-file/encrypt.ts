import type { Call } from '../core/call.ts';
import { assertNames, assertSealable } from './limits.ts';
import type { Pace } from './paced.ts';
import { encryptedSpelling } from './parameter-type.ts';
import { type Changes, rewrite } from './rewrite.ts';
import type { Sealer } from './sealer.ts';
import type { SecretsFile } from './secrets-file.ts';
import { sharedSecrets } from './shared-secrets.ts';
import { sealAll, secretText } from './values.ts';

/** Parameters by place whose value is a secret in plain text. */
export function plainSecrets({ parameters }: Pick<SecretsFile, 'parameters'>): number[] {
  return [...parameters.keys()].filter((index) => {
    const { secret, sealed } = parameters[index] as SecretsFile['parameters'][number];
    return secret && !sealed;
  });
}

/** Throws `bad-secrets-file` for what cannot be encrypted, before any call to a KMS. */
export function assertEncryptable(file: SecretsFile): void {
  if (file.header.target === undefined) assertNames(file);
  const [shared] = sharedSecrets(file);
  if (shared !== undefined) throw file.fail(shared.message, shared.line);
  assertSealable(
    file,
    plainSecrets(file).map((index) => file.parameters[index] as SecretsFile['parameters'][number]),
  );
}

/**
 * Seals every secret in plain text, and spells every type in lower case; what is sealed stays to the byte.
 *
 * @param header what else changes at the top of the file.
 */
export async function encrypt(
  file: SecretsFile,
  deps: { readonly sealer: Sealer; readonly header: Changes['header'] & object; readonly pace: Pace },
  call: Call,
): Promise<string> {
  assertEncryptable(file);
  const places = plainSecrets(file);
  const values = places.map((index) => {
    const { name, value } = file.parameters[index] as SecretsFile['parameters'][number];
    return { name, value: secretText(value) };
  });
  try {
    const sealed = await sealAll(values, deps.sealer, deps.pace, call);
    const texts = new Map(places.map((index, at) => [index, sealed[at] as string]));
    const parameters = new Map(
      file.parameters.map((parameter, index) => {
        const value = texts.get(index);
        return [index, { type: encryptedSpelling(parameter), ...(value === undefined ? {} : { value }) }];
      }),
    );
    return rewrite(file, { parameters, header: deps.header });
  } finally {
    for (const { value } of values) value.dispose();
  }
}
