import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import { isSealedText } from './data-key.ts';
import { integrityProblem } from './integrity.ts';
import type { Pace } from './paced.ts';
import { plainCredentials } from './plain-credentials.ts';
import type { Sealer } from './sealer.ts';
import { type SecretsFile, shown } from './secrets-file.ts';
import { sharedSecrets } from './shared-secrets.ts';
import { openAll } from './values.ts';

/** What is wrong with a file. */
export interface Problem {
  readonly line?: number;
  readonly message: string;
}

/** What a repository asks of its files; absent: nothing. */
export interface Demands {
  readonly format?: 'keystead';
  /** KEKs that may be declared, as `sameKek` compares them. */
  readonly keks?: readonly string[];
  sameKek(one: string, other: string): boolean;
}

/** What can be told from the text alone. */
export function problemsOf(file: SecretsFile, demands: Demands): Problem[] {
  return [
    ...file.parameters.flatMap(({ name, line, secret, sealed, value }): Problem[] => {
      if (secret && !sealed) return [{ line, message: `parameter ${shown(name)} is a secret in plain text` }];
      if (!sealed || isCiphertext(value, file.format)) return [];
      return [{ line, message: `parameter ${shown(name)} is called sealed and has no ciphertext` }];
    }),
    ...sharedSecrets(file),
    ...plainCredentials(file),
    ...(integrityProblem(file) === undefined ? [] : [{ ...lineOf(file), message: integrityProblem(file) as string }]),
    ...weaknesses(file, demands),
  ];
}

/** Whether every sealed value opens. */
export async function problemsOfOpening(
  file: SecretsFile,
  deps: { readonly sealer: () => Promise<Sealer>; readonly pace: Pace },
  call: Call,
): Promise<Problem[]> {
  const sealed = file.parameters.filter((parameter) => parameter.sealed);
  if (sealed.length === 0) return [];
  try {
    for (const value of await openAll(sealed, await deps.sealer(), deps.pace, call)) value.dispose();
    return [];
  } catch (error) {
    // What may help tomorrow is no finding about the file.
    if (!(error instanceof KeysteadError) || error.retryable || error.code === 'canceled') throw error;
    return [{ message: error.message }];
  }
}

function weaknesses({ format, header, leaves }: SecretsFile, demands: Demands): Problem[] {
  const problems: Problem[] = [];
  if (demands.format === 'keystead' && format !== 'keystead') {
    problems.push({ message: 'the file is in the format of psyml, whose values are not bound to their file' });
  }
  const { keks } = demands;
  if (keks !== undefined && !keks.some((kek) => demands.sameKek(kek, header.kek ?? header.encrypted_with ?? ''))) {
    const line = leaves.kek?.line ?? leaves.encrypted_with?.line;
    problems.push({
      ...(line === undefined ? {} : { line }),
      message: 'the file is under another key than those allowed',
    });
  }
  return problems;
}

function isCiphertext(value: string, format: SecretsFile['format']): boolean {
  return format === 'keystead' ? isSealedText(value) : /^[A-Za-z0-9+/\s]{40,}={0,2}\s*$/.test(value);
}

function lineOf({ leaves }: SecretsFile): { line?: number } {
  const line = leaves.integrity?.line;
  return line === undefined ? {} : { line };
}
