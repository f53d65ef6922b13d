import { readdirSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { parseAllDocuments } from 'yaml';

/** The folder of the chart. */
export const CHART = normalize(join(import.meta.dirname, '..', '..', '..', 'helm', 'keystead'));

/** Values for every mode, by name. */
export const VALUES: readonly (readonly [name: string, file: string])[] = readdirSync(join(CHART, 'ci'))
  .sort()
  .map((file) => [file.replace(/-values\.yaml$/, ''), join(CHART, 'ci', file)]);

/** As much of a manifest as tests look at. */
export interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly annotations?: Record<string, string>;
  };
  readonly [field: string]: unknown;
}

/** What `helm template` has printed. */
export function manifestsOf(text: string): Manifest[] {
  return parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);
}
