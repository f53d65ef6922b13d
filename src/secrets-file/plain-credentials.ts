import { disposeSecrets, holdsSecrets, parseKmsUri, parseParametersUri } from '../core/uri.ts';
import type { Uri } from '../core/uri-schemas.ts';
import type { SecretsFile } from './secrets-file.ts';

/** Fields that name a place by a URI. */
const PARSERS = { kek: parseKmsUri, target: parseParametersUri } as const;

/** What a KEK or a store is reached with, where it stands in the file: whoever reads the file has it. */
export function plainCredentials({ leaves }: SecretsFile): { readonly line: number; readonly message: string }[] {
  return Object.entries(PARSERS).flatMap(([field, parse]) => {
    const leaf = leaves[field as keyof typeof PARSERS];
    if (leaf === undefined || !plainIn(leaf.text, parse)) return [];
    const what = `the field ${field} holds a key or credentials in plain text`;
    return [{ line: leaf.line, message: `${what}; leave them out, or name them by env:// or file://` }];
  });
}

function plainIn(text: string, parse: (text: string) => Uri): boolean {
  try {
    const uri = parse(text);
    disposeSecrets(uri);
    return holdsSecrets(uri);
  } catch {
    return false; // whoever opens it says what is wrong
  }
}
