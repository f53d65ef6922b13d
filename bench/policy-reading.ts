import { parse, stringify } from 'yaml';
import type { RuleDocument } from '../src/policy/schema.ts';
import { parsePolicy } from '../src/wiring/policy-file.ts';
import { interleaved, type Row, ratioRow } from './support/measure.ts';

/** A reload reads the file once beside the requests, so it may take twice as long as the parser alone. */
const TARGET = 0.5;

/** (h) Reading a policy file, as at start and after each change, beside the YAML parser alone on the same text. */
export async function readingRow(what: string, rules: readonly RuleDocument[]): Promise<Row> {
  const text = stringify({ version: 1, rules }, { aliasDuplicateObjects: false });
  const bytes = Buffer.from(text);
  const ours = () => {
    const read = parsePolicy(bytes);
    if ('problems' in read) throw new Error(JSON.stringify(read.problems[0]));
  };
  const rates = await interleaved(
    [
      { name: 'ours', run: async (seconds) => rateOfSlow(ours, seconds) },
      { name: 'yaml', run: async (seconds) => rateOfSlow(() => parse(text), seconds) },
    ],
    3,
    3,
  );
  return ratioRow(what, rates.get('ours') ?? 0, rates.get('yaml') ?? 0, 'yaml alone', TARGET);
}

/** Of what takes so long that the clock may be asked after each call. */
function rateOfSlow(call: () => void, seconds: number): number {
  const begin = performance.now();
  let calls = 0;
  while (performance.now() - begin < seconds * 1000) {
    call();
    calls++;
  }
  return calls / ((performance.now() - begin) / 1000);
}
