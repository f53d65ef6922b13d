import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { benchDerive } from './derive.ts';
import { benchGrpc } from './grpc.ts';
import { benchHttp, benchWorkersAndBatch } from './http.ts';
import { benchStartUp } from './start-up.ts';
import { benchStored } from './stored.ts';
import { type Row, table } from './support/measure.ts';

// `npm run bench` prints the table, `npm run bench -- --write` also puts it into docs/performance.md.
const parts = {
  derive: benchDerive,
  http: benchHttp,
  grpc: benchGrpc,
  workers: benchWorkersAndBatch,
  stored: benchStored,
  'start-up': benchStartUp,
};
const wanted = process.argv.slice(2).filter((argument) => argument !== '--write');
const rows: Row[] = [];
for (const [name, bench] of Object.entries(parts)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  process.stderr.write(`${name} …\n`);
  rows.push(...(await bench()));
}
const result = `${machine()}\n\n${table(rows)}`;
process.stdout.write(`${result}\n`);
if (process.argv.includes('--write')) writeInto(join(import.meta.dirname, '..', 'docs', 'performance.md'), result);

function machine(): string {
  const processors = cpus();
  return `Node ${process.version}, ${processors.length} × ${processors[0]?.model.trim() ?? 'unknown processor'}, ${process.platform} ${process.arch}; medians of 3 interleaved rounds.`;
}

function writeInto(page: string, text: string): void {
  const marked = /(<!-- bench -->\n)[\s\S]*?(\n<!-- \/bench -->)/;
  writeFileSync(
    page,
    readFileSync(page, 'utf8').replace(marked, (_, begin: string, end: string) => `${begin}${text}${end}`),
  );
}
