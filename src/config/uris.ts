import { KeysteadError } from '../core/errors.ts';
import { disposeSecrets, parseKmsUri, parseStorageUri } from '../core/uri.ts';
import type { Setting } from './settings.ts';

/** What is wrong with a setting that holds a URI; undefined when nothing is, or when it holds something else. */
export function uriProblem({ schema }: Setting, value: unknown): string | undefined {
  const holds = schema['x-holds'];
  if (holds !== 'kms-uri' && holds !== 'kms-uris' && holds !== 'storage-uri') return undefined;
  const texts = holds === 'kms-uris' ? uriTexts(String(value)) : [String(value)];
  try {
    for (const text of texts) disposeSecrets(holds === 'storage-uri' ? parseStorageUri(text) : parseKmsUri(text));
    return undefined;
  } catch (error) {
    return KeysteadError.from(error).message;
  }
}

/** The URIs of a setting that holds several. */
export function uriTexts(value: string): string[] {
  return value.split(/\s+/).filter((part) => part !== '');
}
