import { lengthPrefixed, sha256Hex } from '../core/encoding.ts';
import { rewrite } from './rewrite.ts';
import { readSecretsFile, type SecretsFile } from './secrets-file.ts';

const DOMAIN = 'keystead/secrets-file/v1';
const PREFIX = 'sha256:';

/**
 * The root over a file's sealed values: SHA-256 of a length-prefixed list of the domain, the file's id and, in the order of
 * their UTF-8 bytes, each name with the SHA-256 of its sealed text. It finds a sealed value that was taken away, added,
 * changed, renamed or called plain; whoever means to deceive can compute it anew, and is met by the context of the values.
 */
export function rootOf(file: Pick<SecretsFile, 'header' | 'parameters'>): string {
  const sealed = file.parameters
    .filter((parameter) => parameter.sealed)
    .map(({ name, value }) => [Buffer.from(name), Buffer.from(sha256Hex(value), 'hex')] as const)
    .sort(([a], [b]) => Buffer.compare(a, b));
  const parts = [Buffer.from(DOMAIN), Buffer.from(file.header.file ?? ''), ...sealed.flat()];
  return PREFIX + sha256Hex(lengthPrefixed(parts));
}

/** What is wrong with the root of a file in Keystead's own format; undefined where it holds. */
export function integrityProblem(file: SecretsFile): string | undefined {
  if (file.format !== 'keystead' || file.header.data_key === undefined) return undefined;
  const { integrity } = file.header;
  if (integrity === undefined) return 'the field integrity is missing';
  if (integrity === rootOf(file)) return undefined;
  return 'the sealed values are not those that were sealed: one was taken away, added, changed, renamed, or called plain';
}

/** Throws `bad-secrets-file` where the root does not hold. */
export function assertIntegrity(file: SecretsFile): void {
  const problem = integrityProblem(file);
  if (problem === undefined) return;
  throw file.fail(`${problem}; look at what changed, then \`encrypt --accept-changes\``, file.leaves.integrity?.line);
}

/** The text with its root computed anew; a file in psyml's format has none and stays. */
export function withRoot(text: string, name: string): string {
  const file = readSecretsFile(text, name);
  if (file.header.data_key === undefined) return text;
  return rewrite(file, { header: { integrity: rootOf(file) } });
}
