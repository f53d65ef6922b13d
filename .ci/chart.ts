// Writes what the chart takes from the service: the schema of its values, dashboard and alerts. test/helm/chart.test.ts
// compares.
import { copyFileSync, writeFileSync } from 'node:fs';
import { valuesSchema } from './chart-values.ts';

const operations = new URL('../docs/operations/', import.meta.url);
const chart = new URL('../helm/keystead/', import.meta.url);
writeFileSync(new URL('values.schema.json', chart), `${JSON.stringify(valuesSchema(), null, 2)}\n`);
for (const file of ['alerts.yaml', 'dashboard.json']) {
  copyFileSync(new URL(file, operations), new URL(`files/${file}`, chart));
}
