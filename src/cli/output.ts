import type { Writable } from 'node:stream';
import { KeysteadError } from '../core/errors.ts';
import { printableJson } from '../core/printable-json.ts';
import type { Io } from './io.ts';

/** `plain` is for people and may change, `json` is for programs. */
export type Format = 'plain' | 'json';

/** Prints a result in the format that was asked for. */
export async function print(io: Io, format: Format, value: unknown, plain: () => string): Promise<void> {
  await write(io.stdout, format === 'json' ? `${printableJson(value, 2)}\n` : plain());
}

/** Writes all of it. Throws `client-gone` when the reader has gone, `cannot-write` for any other failure. */
export function write(stream: Writable, data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error ? reject(writeFailure(error)) : resolve()));
  });
}

/** Rows in columns; the last column is not padded. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join('  ');
  return rows.map((row) => `${line(row)}\n`).join('');
}

/** One row for each entry that has a value, with the text made fit for a terminal. */
export function entries(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const rows = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, printable(String(value))]],
  );
  return columns(rows);
}

/**
 * Text of others on its way to a terminal or a line of a log: what is not a visible character is shown by its number,
 * so that it can neither move the cursor nor begin a new line.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, (character) => {
    const number = (character.codePointAt(0) ?? 0).toString(16).toUpperCase();
    return `\\u{${number}}`;
  });
}

function writeFailure(error: NodeJS.ErrnoException): KeysteadError {
  return error.code === 'EPIPE'
    ? new KeysteadError('client-gone', 'the reader of the output went away', { cause: error })
    : new KeysteadError('cannot-write', `the output cannot be written (${error.code ?? 'unknown'})`, { cause: error });
}
