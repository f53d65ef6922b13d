import { ruleContains } from './contains.ts';
import { HeadIndex } from './head-index.ts';
import type { Rule } from './rule.ts';

/** Finds the rules that make others needless, among thousands, without asking each about each. */
export class Hiding {
  readonly #places: ReadonlyMap<Rule, number>;
  readonly #byResource: HeadIndex<Rule>;
  /** Those that are not about resources. */
  readonly #others: readonly Rule[];

  constructor(rules: readonly Rule[]) {
    this.#places = new Map(rules.map((rule, at) => [rule, at]));
    const entries = rules.flatMap((rule) => {
      return (rule.resources?.patterns ?? []).map((pattern) => ({ pattern, value: rule }));
    });
    this.#byResource = new HeadIndex(entries);
    this.#others = rules.filter(({ resources }) => resources === undefined);
  }

  /** The first rule of that effect that surely applies wherever this one does; of two that say the same, the first one. */
  first(rule: Rule, effect: Rule['effect']): Rule | undefined {
    let found: Rule | undefined;
    const look = (rules: readonly Rule[]) => {
      for (const other of rules) {
        if (other === rule || other.effect !== effect) continue;
        if (found !== undefined && this.#isBefore(found, other)) continue;
        if (this.#isHidden(rule, other)) found = other;
      }
    };
    look(this.#others);
    // A pattern that holds all texts of another one begins as that one does, or with less.
    this.#byResource.of(rule.resources?.patterns[0]?.head ?? '', look);
    return found;
  }

  #isHidden(rule: Rule, other: Rule): boolean {
    if (!ruleContains(other, rule)) return false;
    return rule.effect !== other.effect || !ruleContains(rule, other) || this.#isBefore(other, rule);
  }

  #isBefore(one: Rule, other: Rule): boolean {
    return (this.#places.get(one) ?? 0) < (this.#places.get(other) ?? 0);
  }
}
