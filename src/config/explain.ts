import { redactUri } from '../core/uri.ts';
import { describeSource } from './given.ts';
import type { Resolved, ResolvedValue } from './load.ts';
import { uriTexts } from './uris.ts';

/** One setting as `keystead config explain` shows it. */
export interface Explained {
  readonly key: string;
  /** Absent when nothing gives one; credentials in URIs are replaced. */
  readonly value?: unknown;
  /** `default`, a flag, a variable, or a line of the file. */
  readonly source: string;
  readonly env: string;
  readonly flag: string;
}

/** Each setting, its value without secrets, and where the value came from. */
export function explainConfig({ values }: Resolved): Explained[] {
  return values.map((resolved) => {
    const value = shown(resolved);
    const { key, env, flag } = resolved.setting;
    return {
      key,
      ...(value === undefined ? {} : { value }),
      source: value === undefined ? 'not set' : describeSource(resolved.source),
      env,
      flag: `--${flag}`,
    };
  });
}

/** One line per setting, in columns, for people. */
export function explainedText(explained: readonly Explained[]): string {
  const rows = explained.map(
    ({ key, value, source }) => [key, value === undefined ? '-' : String(value), source] as const,
  );
  const width = (column: 0 | 1) => Math.max(...rows.map((row) => row[column].length));
  return rows.map(([key, value, source]) => `${key.padEnd(width(0))}  ${value.padEnd(width(1))}  ${source}\n`).join('');
}

function shown({ setting, value }: ResolvedValue): unknown {
  const holds = setting.schema['x-holds'];
  if (value === undefined) return undefined;
  if (holds === 'kms-uris') return uriTexts(String(value)).map(redactUri).join(' ');
  return holds === 'kms-uri' || holds === 'storage-uri' ? redactUri(String(value)) : value;
}
