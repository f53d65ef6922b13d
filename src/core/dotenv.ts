import type { KeysteadError } from './errors.ts';

/** Within double quotes; a backslash before anything else is one, as for shells and other readers. */
const ESCAPE = /\\([nrt\\"$`])/g;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/** A variable, and the lines that it stands on, from 1. */
export interface DotenvEntry {
  readonly name: string;
  readonly value: string;
  /** What stands behind a closing quote and is no comment: a shell appends it, others take the quotes for text. */
  readonly behind?: string;
  readonly firstLine: number;
  readonly lastLine: number;
}

/**
 * Reads a dotenv file: `NAME=VALUE` lines, `export` before them, comments, values in single quotes (as they stand) or in
 * double quotes (with `\n` and the like). Values may span lines within quotes. Throws with the line.
 */
export function parseDotenv(text: string, fail: (what: string, line: number) => KeysteadError): DotenvEntry[] {
  const found: DotenvEntry[] = [];
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] as string;
    if (/^\s*(?:#.*)?$/.test(line)) continue;
    const number = at + 1;
    const [, name, rest = ''] = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=(.*)$/.exec(line) ?? [];
    if (name === undefined) throw fail('this is no NAME=VALUE', number);
    if (found.some((one) => one.name === name)) throw fail(`${name} is given twice`, number);
    const quote = /^\s*(["'])/.exec(rest)?.[1];
    if (quote === undefined) {
      found.push({ name, value: rest.replace(/\s+#.*$/, '').trim(), firstLine: number, lastLine: number });
      continue;
    }
    let value = rest.trimStart().slice(1);
    let end = closing(value, quote);
    while (end < 0 && ++at < lines.length) {
      value += `\n${lines[at]}`;
      end = closing(value, quote);
    }
    if (end < 0) throw fail(`the value of ${name} has no closing quote`, number);
    const body = value.slice(0, end);
    const behind = value.slice(end + 1).replace(/(?:^|\s+)(?:#.*)?$/, '');
    const plain = quote === "'" ? body : body.replace(ESCAPE, (_all, c: string) => ESCAPES[c] ?? c);
    found.push({ name, value: plain + behind, behind, firstLine: number, lastLine: at + 1 });
  }
  return found;
}

function closing(text: string, quote: string): number {
  for (let at = 0; at < text.length; at++) {
    if (quote === '"' && text[at] === '\\') at++;
    else if (text[at] === quote) return at;
  }
  return -1;
}

/**
 * A parameter's name as one of an environment variable: upper case, what a shell name cannot hold as `_`, `_` before a
 * leading digit.
 */
export function variableName(name: string): string {
  const text = name.replace(/[^A-Za-z0-9_]/g, '_').toUpperCase();
  return /^[0-9]/.test(text) ? `_${text}` : text;
}

/**
 * Single quotes, within which a shell and other readers take a text as it stands, with its line breaks and backslashes;
 * double quotes with `\n` for what cannot stand there. Some take a backslash before the closing quote for an escape.
 */
export function dotenvQuoted(value: string): string {
  if (/^[A-Za-z0-9_@%+=:,./-]+$/.test(value)) return value;
  if (!/['\r]|\\$/.test(value)) return `'${value}'`;
  const escaped = value
    .replace(/[\\"$`]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\r', '\\r');
  return `"${escaped}"`;
}
