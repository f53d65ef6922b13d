import { isAlias, isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { didYouMean } from './did-you-mean.ts';
import { GROUPS, SETTINGS, type Setting } from './settings.ts';

/** Bytes; a configuration is a page or two. */
const MAX_FILE_SIZE = 1_048_576;

/** One setting as the file gives it. */
export interface FileValue {
  readonly setting: Setting;
  readonly value: unknown;
  readonly line: number;
}

export interface FileProblem {
  readonly line?: number;
  readonly text: string;
}

/**
 * Reads the settings of a YAML 1.2 file. Strict: one document, no key twice, no unknown key.
 * No text of the file is repeated in a problem but the names of keys, since a value may hold a credential.
 */
export function readConfigFile(bytes: Uint8Array): { values: FileValue[]; problems: FileProblem[] } {
  if (bytes.length > MAX_FILE_SIZE) return { values: [], problems: [{ text: 'is larger than 1 MiB' }] };
  const text = decode(bytes);
  if (text === undefined) return { values: [], problems: [{ text: 'is not UTF-8' }] };
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2', merge: false });
  const flaws = [...document.errors, ...document.warnings];
  if (flaws.length > 0) {
    const problems = flaws.map(({ code, pos }) => ({ line: lines.linePos(pos[0]).line, text: yamlProblem(code) }));
    return { values: [], problems };
  }
  const reader = new Reader((node) => lines.linePos(node.range?.[0] ?? 0).line);
  const root = document.contents;
  if (root !== null && !(isScalar(root) && root.value === null)) reader.group(root, []);
  return reader;
}

class Reader {
  readonly values: FileValue[] = [];
  readonly problems: FileProblem[] = [];
  readonly #lineOf: (node: Node) => number;

  constructor(lineOf: (node: Node) => number) {
    this.#lineOf = lineOf;
  }

  group(node: Node, path: readonly string[]): void {
    if (isScalar(node) && node.value === null) return; // a group whose settings are all commented out
    if (!isMap(node)) {
      const what = path.length === 0 ? 'the file' : path.join('.');
      this.problems.push({ line: this.#lineOf(node), text: `${what} must hold settings, one "name: value" a line` });
      return;
    }
    for (const { key, value } of node.items) this.#pair(key as Node, value as Node | null, path);
  }

  #pair(key: Node, value: Node | null, above: readonly string[]): void {
    const line = this.#lineOf(key);
    if (!isScalar(key) || typeof key.value !== 'string') {
      this.problems.push({ line, text: 'a name must be plain text' });
      return;
    }
    const path = [...above, key.value];
    const name = path.join('.');
    // A dot inside a name would make two spellings of one setting.
    const setting = key.value.includes('.') ? undefined : SETTINGS.find((one) => one.key === name);
    if (setting !== undefined) {
      this.#leaf(setting, value, line);
    } else if (GROUPS.has(name) && !key.value.includes('.')) {
      if (value !== null) this.group(value, path);
    } else {
      this.problems.push({ line, text: unknownName(name) });
    }
  }

  #leaf(setting: Setting, value: Node | null, line: number): void {
    if (value === null || (isScalar(value) && value.value === null)) {
      this.problems.push({ line, text: `${setting.key} has no value; give one or remove the line` });
    } else if (isAlias(value)) {
      this.problems.push({ line, text: `${setting.key} must be written out, not an alias` });
    } else {
      this.values.push({ setting, value: isScalar(value) ? value.value : value, line });
    }
  }
}

function unknownName(name: string): string {
  const settings = SETTINGS.map((one) => one.key);
  if (!settings.includes(name)) return `${name} is not a setting${didYouMean(name, [...settings, ...GROUPS])}`;
  const [group, ...rest] = name.split('.');
  return `${name} is written as a group, ${rest.join('.')} on a line of its own, indented, below ${group}:`;
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function yamlProblem(code: string): string {
  switch (code) {
    case 'DUPLICATE_KEY':
      return 'a name stands here for the second time';
    case 'MULTIPLE_DOCS':
      return 'a second document begins here; one is allowed';
    case 'TAB_AS_INDENT':
      return 'a tab is used for indentation; use spaces';
    default:
      return `not valid YAML (${code.toLowerCase().replaceAll('_', ' ')})`;
  }
}
