/** One value for each of several choices. */
export type Choice = Readonly<Record<string, string>>;

/**
 * So many choices that every two values of two different choices come together in one of them, where `allowed` lets
 * them: far fewer than all combinations, and as good at finding two values that do not go together.
 */
export function allPairs(
  values: Readonly<Record<string, readonly string[]>>,
  allowed: (choice: Choice) => boolean,
): Choice[] {
  const names = Object.keys(values);
  const all = names
    .reduce<Choice[]>(
      (sofar, name) => sofar.flatMap((one) => (values[name] ?? []).map((value) => ({ ...one, [name]: value }))),
      [{}],
    )
    .filter(allowed);
  const missing = new Set(all.flatMap((choice) => pairsOf(choice, names)));
  const chosen: Choice[] = [];
  while (missing.size > 0) {
    const gain = (choice: Choice) => pairsOf(choice, names).filter((pair) => missing.has(pair)).length;
    const best = all.reduce((a, b) => (gain(b) > gain(a) ? b : a));
    for (const pair of pairsOf(best, names)) missing.delete(pair);
    chosen.push(best);
  }
  return chosen;
}

function pairsOf(choice: Choice, names: readonly string[]): string[] {
  return names.flatMap((a, n) => names.slice(n + 1).map((b) => `${a}=${choice[a]} ${b}=${choice[b]}`));
}
