import type { Call } from '../core/call.ts';
import { KeysteadError } from '../core/errors.ts';
import type { KeyAdmin } from '../core/key-admin.ts';
import type { CredentialSource } from '../core/roles.ts';
import { disposeSecrets, kekUri } from '../core/uri.ts';
import type { KmsUri } from '../core/uri-schemas.ts';
import { type Applied, DEFAULT_TIMEOUT_S, observe } from '../lifecycle/apply.ts';
import type { Declaration, WantedState } from '../lifecycle/declaration.ts';
import { Family } from '../lifecycle/family.ts';
import { harmfulSteps, type Observed, type Plan, plan } from '../lifecycle/plan.ts';
import { openKeyAdmin } from '../providers/open.ts';
import type { BareAmbient } from './ambient.ts';
import type { BlastRadius, Census } from './blast-radius.ts';

/** What would be done to one declared key, and what that would cost. */
export interface CheckedPlan extends Plan {
  /** Present where a key would stop opening what it wraps. */
  readonly harm?: BlastRadius;
}

export interface DeclaredKeysOptions {
  /** Of the names given, in the order of the files; all of them when absent. */
  readonly only?: string | undefined;
  /** In place of what the declarations say. */
  readonly state?: WantedState | undefined;
  readonly restore?: boolean;
  readonly cascade?: boolean;
  readonly wait?: boolean;
  readonly timeoutS?: number | undefined;
  /** Names of keys that may be terminated or stopped. */
  readonly confirmed?: readonly string[];
}

export interface DeclaredKeysDeps {
  readonly ambient: BareAmbient;
  readonly timeoutMs: number;
  /** The access paths that URIs may name; the caller closes them. */
  readonly access?: CredentialSource | undefined;
  readonly census: Census;
  /** Whether keys get the tag by which Keystead finds them again. */
  readonly marks: boolean;
}

/** Plans and applies declared keys. Closed once it is done with. */
export class DeclaredKeys {
  readonly #declarations: readonly Declaration[];
  readonly #deps: DeclaredKeysDeps;
  readonly #admins = new Map<string, Promise<KeyAdmin>>();
  readonly #family: Family;

  /** Throws `bad-declaration` for declarations that do not fit together. */
  constructor(declarations: readonly Declaration[], deps: DeclaredKeysDeps) {
    this.#declarations = declarations;
    this.#deps = deps;
    this.#family = new Family(declarations, ({ uri }) => this.#admin(uri));
  }

  async plans(options: DeclaredKeysOptions, call: Call): Promise<CheckedPlan[]> {
    const plans: CheckedPlan[] = [];
    for (const declared of this.#chosen(options)) {
      const warnings: string[] = [];
      const declaration = await this.#family.resolved(declared, call, (what) => warnings.push(what));
      const { marks } = this.#deps;
      const restore = options.restore ?? false;
      const observed = await observe(
        await this.#admin(declaration.uri),
        declaration,
        { marks, thorough: restore },
        call,
      );
      const made = plan(declaration, wantedOf(declaration, options), observed, { restore, marks });
      plans.push(await this.#checked({ ...made, warnings: [...warnings, ...made.warnings] }, call));
    }
    return plans;
  }

  /** Throws `needs-confirmation` before it does harm that was not confirmed; `tell` hears of each key that is done. */
  async apply(
    options: DeclaredKeysOptions,
    call: Call,
    tell?: (applied: Applied) => Promise<void>,
  ): Promise<Applied[]> {
    const { marks, ambient } = this.#deps;
    const all: Applied[] = [];
    for (const declaration of this.#inOrder(options)) {
      const applied = await this.#family.apply(
        declaration.id,
        wantedOf(declaration, options),
        {
          marks,
          clock: ambient.clock,
          wait: options.wait ?? true,
          restore: options.restore ?? false,
          cascade: options.cascade ?? false,
          timeoutS: options.timeoutS ?? DEFAULT_TIMEOUT_S,
          consent: (made) => this.#consent(made, options, call),
        },
        call,
      );
      for (const each of applied) {
        // A parent that is declared itself has its own turn.
        if (each.done.length === 0 && each.declaration.id !== declaration.id) continue;
        all.push(each);
        await tell?.(each);
      }
    }
    return all;
  }

  /** What is there under each name, and what was there before. */
  async look(options: DeclaredKeysOptions, call: Call): Promise<{ declaration: Declaration; observed: Observed }[]> {
    const seen: { declaration: Declaration; observed: Observed }[] = [];
    for (const declaration of this.#chosen(options)) {
      const admin = await this.#admin(declaration.uri);
      const observed = await observe(admin, declaration, { marks: this.#deps.marks, thorough: true }, call);
      seen.push({ declaration, observed });
    }
    return seen;
  }

  async close(): Promise<void> {
    for (const admin of this.#admins.values()) await (await admin.catch(() => undefined))?.close();
    for (const { uri } of this.#declarations) disposeSecrets(uri);
  }

  async #checked(made: Plan, call: Call): Promise<CheckedPlan> {
    const [key] = harmfulSteps(made);
    return key === undefined ? made : { ...made, harm: await this.#deps.census(made.declaration, key, call) };
  }

  async #consent(made: Plan, { confirmed = [] }: DeclaredKeysOptions, call: Call): Promise<void> {
    const { harm, steps, declaration } = await this.#checked(made, call);
    if (harm === undefined) return;
    const { id, particle } = declaration;
    const name = particle ? declaration.name : id;
    // A name that several keys have confirms none of them: its label is its URI then.
    if (confirmed.some((given) => [name, id, name.replace(/^alias\//, '')].includes(given))) return;
    // What is only stopped runs again when it is told to; so where nothing is known to be under it, it may.
    const stops = steps.every((step) => step.do !== 'terminate');
    if (stops && (harm.records ?? 0) === 0 && harm.unread === 0) return;
    const what = stops ? 'stop' : 'terminate';
    throw new KeysteadError(
      'needs-confirmation',
      `${name}: to ${what} it does harm: ${harmText(harm)}; nothing was changed; give --confirm ${name} if that is meant`,
    );
  }

  #chosen({ only }: DeclaredKeysOptions): readonly Declaration[] {
    if (only === undefined) return this.#declarations;
    const names = [only, `kms_key:${only}`, `alias/${only}`];
    const found = this.#declarations.filter(({ id, name }) => names.includes(id) || names.includes(name));
    if (found.length > 0) return found;
    const known = this.#declarations.map(({ id }) => id.replace(/^(kms_key:|alias\/)/, ''));
    throw new KeysteadError(
      'bad-usage',
      `no key ${JSON.stringify(only)} is declared; declared are ${known.join(', ')}`,
    );
  }

  /** Who ends goes before those that it depends on. */
  #inOrder(options: DeclaredKeysOptions): readonly Declaration[] {
    const chosen = this.#chosen(options);
    const ends = (each: Declaration) => ['stopped', 'terminated'].includes(wantedOf(each, options) ?? '');
    const depth = (each: Declaration): number =>
      Math.max(0, ...each.parents.map((id) => 1 + depth(this.#declarations.find((one) => one.id === id) ?? each)));
    const ending = chosen.filter(ends).sort((one, other) => depth(other) - depth(one));
    return [...chosen.filter((each) => !ends(each)), ...ending];
  }

  #admin(uri: KmsUri): Promise<KeyAdmin> {
    const place = placeOf(uri);
    const known = this.#admins.get(place);
    if (known !== undefined) return known;
    const { ambient, timeoutMs, access, marks } = this.#deps;
    const secrets = ambient.secrets ?? { env: {}, readFile: () => new Uint8Array() };
    const admin = openKeyAdmin(uri, { secrets, timeoutMs, access, marks });
    this.#admins.set(place, admin);
    return admin;
  }
}

/** What somebody says wins; then the declaration; a key that is declared is meant to run. */
function wantedOf({ wanted }: Declaration, { state }: DeclaredKeysOptions): WantedState {
  return state ?? wanted ?? 'running';
}

/** The same for keys that the same door leads to. */
function placeOf(uri: KmsUri): string {
  const { keyName: _, ...place } = uri as KmsUri & { readonly keyName?: string };
  return JSON.stringify([place, uri.provider === 'aws' ? '' : kekUri(uri)]);
}

export function harmText({ storage, records, unread }: BlastRadius): string {
  if (records === undefined) return 'no store is configured to count what is wrapped under it (--storage)';
  const more = unread === 0 ? '' : `, and ${unread} that could not be read`;
  return `${records} data keys in ${storage} are wrapped under it${more}`;
}
