import type { Fail } from './yaml-source.ts';

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

/**
 * Reads a dotenv file: `NAME=VALUE` lines, `export` before them, comments, values in single quotes (as they stand) or in
 * double quotes (with `\n` and the like). Values may span lines within quotes. Throws with the line.
 */
export function parseDotenv(text: string, fail: Fail): { readonly name: string; readonly value: string }[] {
  const found: { name: string; value: string }[] = [];
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] as string;
    if (/^\s*(?:#.*)?$/.test(line)) continue;
    const number = at + 1;
    const [, name, rest = ''] = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*)$/.exec(line) ?? [];
    if (name === undefined) throw fail('this is no NAME=VALUE', number);
    if (found.some((one) => one.name === name)) throw fail(`${name} is given twice`, number);
    const quote = /^["']/.exec(rest)?.[0];
    if (quote === undefined) {
      found.push({ name, value: rest.replace(/\s+#.*$/, '').trim() });
      continue;
    }
    let value = rest.slice(1);
    let end = closing(value, quote);
    while (end < 0 && ++at < lines.length) {
      value += `\n${lines[at]}`;
      end = closing(value, quote);
    }
    if (end < 0) throw fail(`the value of ${name} has no closing quote`, number);
    const body = value.slice(0, end);
    found.push({ name, value: quote === "'" ? body : body.replace(/\\(.)/gs, (_all, c: string) => ESCAPES[c] ?? c) });
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
