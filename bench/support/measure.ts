/** One thing to measure: runs for about `seconds` and answers how many units it did a second. */
export interface Contender {
  readonly name: string;
  run(seconds: number): Promise<number>;
}

/** Rates of every contender, units a second: interleaved rounds, the median of each. */
export async function interleaved(
  contenders: readonly Contender[],
  rounds = 3,
  seconds = 2,
): Promise<Map<string, number>> {
  const rates = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (const contender of contenders) await contender.run(seconds / 2);
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another contender, so that a drift of the machine hits all alike.
    for (let n = 0; n < contenders.length; n++) {
      const contender = contenders[(n + round) % contenders.length] as Contender;
      rates.get(contender.name)?.push(await contender.run(seconds));
    }
  }
  return new Map([...rates].map(([name, all]) => [name, median(all)]));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

/** Calls a synchronous function for `seconds`, answers calls a second. */
export function rateOf(call: () => void, seconds: number): number {
  const begin = process.hrtime.bigint();
  const end = begin + BigInt(Math.round(seconds * 1e9));
  let calls = 0;
  let now = begin;
  while (now < end) {
    for (let n = 0; n < 500; n++) call();
    calls += 500;
    now = process.hrtime.bigint();
  }
  return calls / (Number(now - begin) / 1e9);
}

/** One line of the published table. */
export interface Row {
  readonly what: string;
  readonly ours: string;
  readonly baseline: string;
  readonly ratio: string;
  readonly target: string;
}

/** A row for a ratio of rates; `target` is the least ratio wanted. */
export function ratioRow(what: string, ours: number, baseline: number, baselineName: string, target: number): Row {
  const ratio = ours / baseline;
  return {
    what,
    ours: `${round(ours)}/s`,
    baseline: `${baselineName} ${round(baseline)}/s`,
    ratio: ratio.toFixed(2),
    target: `≥ ${target}${ratio >= target ? '' : ' (missed)'}`,
  };
}

function round(rate: number): string {
  return Number(rate.toPrecision(3)).toLocaleString('en-US');
}

export function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => `| ${row.what} | ${row.ours} | ${row.baseline} | ${row.ratio} | ${row.target} |`);
  return ['| what | Keystead | beside | ratio | target |', '| --- | --- | --- | --- | --- |', ...lines].join('\n');
}

/** The rows of a table as `table` writes it. */
export function rowsOf(text: string): Row[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('| ('))
    .map((line) => {
      const [what = '', ours = '', baseline = '', ratio = '', target = ''] = line.slice(2, -2).split(' | ');
      return { what, ours, baseline, ratio, target };
    });
}

/** Rows begin with the letter of their part; parts that are new take the place of the old ones, in the order of letters. */
export function mergeRows(old: readonly Row[], fresh: readonly Row[]): Row[] {
  const letterOf = ({ what }: Row) => what.slice(0, what.indexOf(')'));
  const replaced = new Set(fresh.map(letterOf));
  const all = [...old.filter((row) => !replaced.has(letterOf(row))), ...fresh];
  return all.sort((one, other) => letterOf(one).localeCompare(letterOf(other)));
}
