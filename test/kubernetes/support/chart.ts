import { readdirSync } from 'node:fs';
import { join, normalize } from 'node:path';

/** The folder of the chart. */
export const CHART = normalize(join(import.meta.dirname, '..', '..', '..', 'helm', 'keystead'));

/** Values for every mode, by name. */
export const VALUES: readonly (readonly [name: string, file: string])[] = readdirSync(join(CHART, 'ci'))
  .sort()
  .map((file) => [file.replace(/-values\.yaml$/, ''), join(CHART, 'ci', file)]);
