import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { benchAllOn } from './all-on.ts';
import { benchAway } from './away.ts';
import { benchDerive } from './derive.ts';
import { benchDoors } from './doors.ts';
import { benchGrpc } from './grpc.ts';
import { benchHttp, benchWorkersAndBatch } from './http.ts';
import { benchKeyManager } from './key-manager.ts';
import { benchPolicy } from './policy.ts';
import { benchSecrets } from './secrets.ts';
import { benchSecretsStart } from './secrets-start.ts';
import { benchStartUp } from './start-up.ts';
import { benchStored } from './stored.ts';
import { mergeRows, type Row, rowsOf, table } from './support/measure.ts';

// `npm run bench` prints the table, `npm run bench -- --write` also puts it into docs/performance.md; with names of parts
// (`npm run bench -- http grpc --write`) these alone are measured, and the rows of the others stay.
const parts = {
  derive: benchDerive,
  http: benchHttp,
  grpc: benchGrpc,
  workers: benchWorkersAndBatch,
  stored: benchStored,
  'start-up': benchStartUp,
  doors: benchDoors,
  away: benchAway,
  policy: benchPolicy,
  secrets: benchSecrets,
  'secrets-start': benchSecretsStart,
  'key-manager': benchKeyManager,
  'all-on': benchAllOn,
};
const wanted = process.argv.slice(2).filter((argument) => argument !== '--write');
const page = process.argv.includes('--write') ? join(import.meta.dirname, '..', 'docs', 'performance.md') : undefined;
const rows: Row[] = [];
for (const [name, bench] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stderr.write(`${name} …\n`);
  rows.push(...(await bench()));
  // Part by part: one that fails does not take the others with it.
  if (page !== undefined) writeInto(page);
}
process.stdout.write(`${machine()}\n\n${table(rows)}\n`);

function machine(): string {
  const processors = cpus();
  return `Node ${process.version}, ${processors.length} × ${processors[0]?.model.trim() ?? 'unknown processor'}, ${process.platform} ${process.arch}; medians of 3 interleaved rounds.`;
}

/** Puts the rows that were measured in the place of those of the same parts; the others stay. */
function writeInto(page: string): void {
  const marked = /(?<=<!-- bench -->\n)([\s\S]*?)(?=<!-- \/bench -->)/;
  const text = readFileSync(page, 'utf8');
  const written = marked.exec(text)?.[1];
  if (written === undefined) throw new Error(`${page} has no place for the table`);
  const all = mergeRows(rowsOf(written), rows);
  writeFileSync(
    page,
    text.replace(marked, () => `${machine()}\n\n${table(all)}\n`),
  );
}
