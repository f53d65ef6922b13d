import { type Alias, isAlias, type Scalar, visit } from 'yaml';
import { type SecretsFile, shown } from './secrets-file.ts';

/** A place that says the same as a secret, by an anchor. */
export interface SharedSecret {
  readonly line: number;
  readonly message: string;
}

/**
 * Places where the text of a secret would stay when the secret is sealed: an alias of it, or the anchor that it is an
 * alias of, in a description, a tag, a name or a field of the file. Values are no such places: that of a secret is
 * sealed, and that of a `String` was meant to be read.
 */
export function sharedSecrets({ source, parameters }: Pick<SecretsFile, 'source' | 'parameters'>): SharedSecret[] {
  const secrets = new Map<Scalar, string>();
  const values = new Set<Scalar | Alias>();
  for (const { name, secret, sealed, leaves } of parameters) {
    const { node, alias } = leaves.value;
    values.add(alias ?? node);
    if (secret && !sealed) secrets.set(node, name);
  }
  const found: SharedSecret[] = [];
  const look = (place: Scalar | Alias) => {
    const name = secrets.get((isAlias(place) ? source.resolved(place) : place) as Scalar);
    if (name === undefined || values.has(place)) return;
    const message = `the text here is that of the secret ${shown(name)}, and would stay; write it without an anchor`;
    found.push({ line: source.lineOf(place), message });
  };
  visit(source.root, { Scalar: (_key, node) => look(node), Alias: (_key, node) => look(node) });
  return found;
}
