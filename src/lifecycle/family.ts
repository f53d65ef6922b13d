import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { KeyAdmin, ManagedKey } from '../core/key-admin.ts';
import { type Applied, type ApplyOptions, applyOne, observe } from './apply.ts';
import type { Declaration, WantedState } from './declaration.ts';
import { inherited, parentsNamedIn } from './inherit.ts';

export interface FamilyOptions extends ApplyOptions {
  /** Children first when stopping or terminating. */
  readonly cascade: boolean;
}

/** Opens who looks after the key of a declaration; the caller of the family closes it. */
export type AdminOf = (declaration: Declaration) => Promise<KeyAdmin>;

/**
 * Declared keys that depend on each other: parents run before their children do, and end after them. A wanted state does
 * not spread to parents, but that they are started first.
 */
export class Family {
  readonly #members: ReadonlyMap<string, Declaration>;
  readonly #adminOf: AdminOf;

  /** Throws `bad-declaration` for an id that is there twice, a relative that is missing, and a circle. */
  constructor(declarations: readonly Declaration[], adminOf: AdminOf) {
    assertFamily(declarations);
    this.#members = new Map(declarations.map((each) => [each.id, each]));
    this.#adminOf = adminOf;
  }

  /** In order of dependence. What was applied for the sake of another stands before it. */
  async apply(id: string, wanted: WantedState | undefined, options: FamilyOptions, call: Call): Promise<Applied[]> {
    const declaration = this.#member(id);
    if (wanted === undefined) return [await this.#one(declaration, wanted, options, call)];
    const applied: Applied[] = [];
    if (wanted === 'running') {
      for (const parent of declaration.parents) {
        const own = this.#member(parent).wanted ?? 'running';
        if (own === 'running') applied.push(...(await this.apply(parent, own, options, call)));
      }
    } else {
      applied.push(...(await this.#children(declaration, wanted, options, call)));
    }
    return [...applied, await this.#one(declaration, wanted, options, call)];
  }

  /** The declaration with what it takes from its parents. @param later as of `inherited`. */
  async resolved(declaration: Declaration, call: Call, later?: (what: string) => void): Promise<Declaration> {
    const keys = new Map<string, ManagedKey>();
    for (const id of parentsNamedIn(declaration)) {
      if (!declaration.parents.includes(id)) continue;
      const parent = this.#member(id);
      const key = await (await this.#adminOf(parent)).find(parent.name, ['tags'], call);
      if (key !== undefined) keys.set(id, key);
    }
    return inherited(declaration, keys, later);
  }

  async #children(
    declaration: Declaration,
    wanted: 'stopped' | 'terminated',
    options: FamilyOptions,
    call: Call,
  ): Promise<Applied[]> {
    const applied: Applied[] = [];
    for (const child of this.#childrenOf(declaration.id)) {
      if (options.cascade) {
        if (wanted === 'terminated' && child.keepsOnTermination) continue;
        applied.push(...(await this.apply(child.id, wanted, options, call)));
      } else if (wanted === 'terminated' && (await this.#lives(child, call))) {
        throw new KeysteadError(
          'needs-confirmation',
          `${declaration.id} has a child that lives, ${child.id}; terminate that first, or both with --cascade`,
        );
      }
    }
    return applied;
  }

  async #lives(child: Declaration, call: Call): Promise<boolean> {
    const { key } = await observe(await this.#adminOf(child), child, { marks: false, thorough: false }, call);
    return key !== undefined && key.state !== 'terminated';
  }

  async #one(
    declaration: Declaration,
    wanted: WantedState | undefined,
    options: FamilyOptions,
    call: Call,
  ): Promise<Applied> {
    const admin = await this.#adminOf(declaration);
    // Who ends needs nothing of its parents, which may be gone.
    const whole = wanted === 'running' ? await this.resolved(declaration, call) : declaration;
    return applyOne(admin, whole, wanted, options, call);
  }

  #childrenOf(id: string): Declaration[] {
    return [...this.#members.values()].filter(({ parents }) => parents.includes(id));
  }

  #member(id: string): Declaration {
    const found = this.#members.get(id);
    if (found !== undefined) return found;
    throw new KeysteadError('bad-declaration', `there is no declaration ${id}`);
  }
}

function assertFamily(declarations: readonly Declaration[]): void {
  const ids = new Set<string>();
  for (const { id } of declarations) {
    if (ids.has(id)) throw new KeysteadError('bad-declaration', `${id} is declared twice; remove one`);
    ids.add(id);
  }
  const left = new Map(declarations.map(({ id, parents }) => [id, new Set(parents)]));
  for (const { id, parents } of declarations) {
    const missing = parents.find((parent) => !ids.has(parent));
    if (missing !== undefined) {
      throw new KeysteadError(
        'bad-declaration',
        `${id}: its relative ${missing} is not declared; declare it, or remove the line`,
      );
    }
  }
  for (;;) {
    const free = [...left].filter(([, parents]) => [...parents].every((parent) => !left.has(parent)));
    if (free.length === 0) break;
    for (const [id] of free) left.delete(id);
  }
  const [first] = left.keys();
  if (first !== undefined) {
    throw new KeysteadError('bad-declaration', `${first} is a parent of itself, by way of others`);
  }
}
