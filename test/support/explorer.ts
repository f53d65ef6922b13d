/** A system to explore: what can happen next in each state, and what must never be. */
export interface Explorable<S> {
  readonly start: S;
  /** Two states with one key are the same state. */
  keyOf(state: S): string;
  /** Everything that can happen next, by name. */
  following(state: S): Promise<readonly (readonly [string, S])[]>;
  /** Undefined where all is well; otherwise what is wrong. */
  wrongWith(state: S): string | undefined;
}

export interface Explored {
  readonly states: number;
  readonly steps: number;
  /** What is wrong first, after the smallest number of steps, and these. */
  readonly wrong: string | undefined;
}

/** Every state that can be reached, breadth first; ends at the first that is wrong. */
export async function explore<S>(system: Explorable<S>): Promise<Explored> {
  const seen = new Set<string>([system.keyOf(system.start)]);
  // Of each state, in the order found: the number of the one before it, and how it came from there.
  const came: { readonly from: number; readonly by: string }[] = [{ from: -1, by: '' }];
  let frontier: { readonly state: S; readonly number: number }[] = [{ state: system.start, number: 0 }];
  let steps = 0;
  const trace = (number: number): string => {
    const names: string[] = [];
    for (let at = came[number]; at !== undefined && at.from >= 0; at = came[at.from]) names.push(at.by);
    return names.reverse().join(', ');
  };
  while (frontier.length > 0) {
    const next: typeof frontier = [];
    for (const { state, number } of frontier) {
      const wrong = system.wrongWith(state);
      if (wrong !== undefined) return { states: seen.size, steps, wrong: `${wrong}, after: ${trace(number)}` };
      for (const [by, after] of await system.following(state)) {
        steps++;
        const key = system.keyOf(after);
        if (seen.has(key)) continue;
        seen.add(key);
        next.push({ state: after, number: came.push({ from: number, by }) - 1 });
      }
    }
    frontier = next;
  }
  return { states: seen.size, steps, wrong: undefined };
}
