/** One value for each of several choices; of an unfinished one, for some of them. */
export type Choice = Readonly<Record<string, string>>;
type Values = Readonly<Record<string, readonly string[]>>;

interface Wish {
  /** How many values, each of another choice, come together wherever `allowed` lets them. */
  readonly strength: number;
  /** Of these all combinations come. Other choices, and other values, come as they are needed. */
  readonly all?: Values;
  /** Also asked of unfinished choices. What it forbids must leave each choice another value. */
  allowed(choice: Choice): boolean;
}

/** All combinations. */
export function product(values: Values): Choice[] {
  return Object.entries(values).reduce<Choice[]>(
    (sofar, [name, some]) => sofar.flatMap((one) => some.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
}

/** All sets of so many values of different choices, as unfinished choices. */
export function tuples(values: Values, strength: number): Choice[] {
  return subsets(Object.keys(values), strength).flatMap((names) =>
    product(Object.fromEntries(names.map((name) => [name, values[name] ?? []]))),
  );
}

/** Few choices in which the wish comes true; the same ones each time. */
export function covering(values: Values, { strength, all, allowed }: Wish): Choice[] {
  const names = Object.keys(values);
  const missing = new Map(
    tuples(values, strength)
      .filter(allowed)
      .map((tuple) => [markOf(tuple, Object.keys(tuple)), tuple]),
  );
  const chosen: Choice[] = [];
  const choose = (begun: Choice) => {
    let choice = begun;
    for (const name of names.filter((one) => !(one in begun))) {
      const others = subsets(Object.keys(choice), strength - 1);
      const gain = (next: Choice) => others.filter((some) => missing.has(markOf(next, [...some, name]))).length;
      const open = (values[name] ?? []).map((value) => ({ ...choice, [name]: value })).filter(allowed);
      choice = open.reduce((a, b) => (gain(b) > gain(a) ? b : a));
    }
    for (const some of subsets(names, strength)) missing.delete(markOf(choice, some));
    chosen.push(choice);
  };
  if (all !== undefined) for (const begun of product(all).filter(allowed)) choose(begun);
  for (let [next] = missing.values(); next !== undefined; [next] = missing.values()) choose(next);
  return chosen;
}

function subsets(names: readonly string[], count: number): string[][] {
  if (count === 0) return [[]];
  return names.flatMap((name, at) => subsets(names.slice(at + 1), count - 1).map((rest) => [name, ...rest]));
}

/** The same for the same values, in whichever order they are named. */
function markOf(choice: Choice, some: readonly string[]): string {
  return some
    .map((name) => `${name}=${choice[name]}`)
    .sort()
    .join(' ');
}
