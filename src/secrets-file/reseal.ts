import type { Call } from '../core/call.ts';
import { assertEncryptable } from './encrypt.ts';
import { withRoot } from './integrity.ts';
import type { Pace } from './paced.ts';
import { encryptedSpelling } from './parameter-type.ts';
import { rewrite } from './rewrite.ts';
import type { Sealer } from './sealer.ts';
import { readSecretsFile, type SecretsFile } from './secrets-file.ts';
import { openAll, sealAll, secretText, textOf } from './values.ts';

/** The text of a file with every secret in plain text, all else as it is; to be given to `reseal` when it was edited. */
export async function unsealed(
  file: SecretsFile,
  deps: { readonly sealer: Sealer; readonly pace: Pace },
  call: Call,
): Promise<{ readonly text: string; readonly values: ReadonlyMap<string, string> }> {
  const values = await openAll(file.parameters, deps.sealer, deps.pace, call);
  try {
    const texts = file.parameters.map(({ name }, at) => textOf(values[at] as (typeof values)[number], name));
    const parameters = new Map(
      file.parameters.flatMap((parameter, index) =>
        parameter.sealed ? [[index, { type: parameter.storeType, value: texts[index] as string }] as const] : [],
      ),
    );
    return {
      text: rewrite(file, { parameters }),
      values: new Map(file.parameters.map(({ name }, at) => [name, texts[at] as string])),
    };
  } finally {
    for (const value of values) value.dispose();
  }
}

/** Seals an edited text again: a secret that is what it was keeps its very ciphertext, so only real changes show. */
export async function reseal(
  edited: string,
  before: { readonly file: SecretsFile; readonly values: ReadonlyMap<string, string> },
  deps: { readonly sealer: Sealer; readonly pace: Pace; readonly name: string },
  call: Call,
): Promise<string> {
  const file = readSecretsFile(edited, deps.name);
  assertEncryptable(file);
  const kept = new Map(
    before.file.parameters.filter(({ sealed }) => sealed).map(({ name, value }) => [name, value] as const),
  );
  const plain = [...file.parameters.entries()].filter(([, { secret, sealed }]) => secret && !sealed);
  const same = (name: string, value: string) => kept.has(name) && before.values.get(name) === value;
  const fresh = plain.filter(([, { name, value }]) => !same(name, value));
  const secrets = fresh.map(([, { name, value }]) => ({ name, value: secretText(value) }));
  try {
    const sealed = await sealAll(secrets, deps.sealer, deps.pace, call);
    const texts = new Map(fresh.map(([index], at) => [index, sealed[at] as string]));
    const parameters = new Map(
      plain.map(([index, parameter]) => [
        index,
        { type: encryptedSpelling(parameter), value: texts.get(index) ?? (kept.get(parameter.name) as string) },
      ]),
    );
    return withRoot(rewrite(file, { parameters }), deps.name);
  } finally {
    for (const { value } of secrets) value.dispose();
  }
}
