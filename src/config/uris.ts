import { KeysteadError } from '../core/errors.ts';
import { disposeSecrets, parseKmsUri, parseStorageUri } from '../core/uri.ts';
import type { Setting } from './settings.ts';

/** What is wrong with a setting that holds a URI; undefined when nothing is, or when it holds something else. */
export function uriProblem({ schema }: Setting, value: unknown): string | undefined {
  const holds = schema['x-holds'];
  if (holds !== 'kms-uri' && holds !== 'storage-uri') return undefined;
  try {
    disposeSecrets(holds === 'kms-uri' ? parseKmsUri(String(value)) : parseStorageUri(String(value)));
    return undefined;
  } catch (error) {
    return KeysteadError.from(error).message;
  }
}
