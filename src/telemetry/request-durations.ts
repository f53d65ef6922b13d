import type { Metric, Registry } from '@prometheus-io/client';

const NAME = 'keystead_request_duration_seconds';
const HELP = 'Time from receiving a request to finishing its answer.';
const BUCKETS = [0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];

interface Series {
  readonly labels: Readonly<Record<string, string>>;
  /** Observations by bucket, not added up; behind the last bound as well. */
  readonly counts: number[];
  sum: number;
}

interface Value {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/**
 * The histogram of all requests, in a registry of the client library. The library's own one looks its labels up for
 * each observation, which costs a request more than to write its audit line.
 *
 * @returns what takes one observation. The arguments but the last are the labels.
 */
export function requestDurations(
  registry: Registry,
): (transport: string, route: string, outcome: number, seconds: number) => void {
  const routes = new Map<string, Map<number, Series>>();
  const all: Series[] = [];
  const newSeries = (transport: string, route: string, outcome: number): Series => {
    const labels = { transport, route, outcome: String(outcome) };
    const series = { labels, counts: new Array(BUCKETS.length + 1).fill(0), sum: 0 };
    const outcomes = routes.get(transport + route) ?? new Map<number, Series>();
    routes.set(transport + route, outcomes.set(outcome, series));
    all.push(series);
    return series;
  };
  const metric = {
    name: NAME,
    help: HELP,
    type: 'histogram',
    aggregator: 'sum',
    get: async () => ({ name: NAME, help: HELP, type: 'histogram', aggregator: 'sum', values: all.flatMap(valuesOf) }),
  };
  // The registry asks a metric for no more than this.
  registry.registerMetric(metric as unknown as Metric);
  return (transport, route, outcome, seconds) => {
    const series = routes.get(transport + route)?.get(outcome) ?? newSeries(transport, route, outcome);
    let bucket = 0;
    while (seconds > (BUCKETS[bucket] ?? Number.POSITIVE_INFINITY)) bucket++;
    (series.counts[bucket] as number)++;
    series.sum += seconds;
  };
}

/** As Prometheus wants it: every bucket holds those below it too. */
function valuesOf({ labels, counts, sum }: Series): Value[] {
  let count = 0;
  const buckets = counts.map((more, n) => {
    count += more;
    return { metricName: `${NAME}_bucket`, labels: { le: BUCKETS[n] ?? '+Inf', ...labels }, value: count };
  });
  return [
    ...buckets,
    { metricName: `${NAME}_sum`, labels, value: sum },
    { metricName: `${NAME}_count`, labels, value: count },
  ];
}
