import type { Node, YAMLMap, YAMLSeq } from 'yaml';
import type { Spelling } from './parameter-type.ts';
import { writeScalar } from './scalar-style.ts';
import { type Parameter, readSecretsFile, type SecretsFile } from './secrets-file.ts';
import { applyEdits, closedBlock, columnAt, lineEnd, newlineOf } from './text-edits.ts';

export interface NewParameter {
  readonly name: string;
  readonly description: string;
  readonly type: Spelling;
  readonly value: string;
}

/** The text with a parameter more, behind the last one and written like it. The result was read again. */
export function appended(file: SecretsFile, parameter: NewParameter): string {
  const { text } = file.source;
  const pair = file.source.fields(file.source.root).find(({ key }) => key === 'parameters');
  const list = pair?.value as YAMLSeq;
  const last = list.items.at(-1) as YAMLMap | undefined;
  const result =
    list.flow === true || last === undefined ? inFlow(text, list, parameter) : inBlock(file, list, last, parameter);
  const read = readSecretsFile(result, 'the result');
  const { name, description, value, spelling } = read.parameters.at(-1) ?? {};
  const same = name === parameter.name && description === parameter.description && value === parameter.value;
  const kept = file.parameters.every((before, at) => textsOf(before) === textsOf(read.parameters[at]));
  const length = file.parameters.length + 1;
  if (same && kept && spelling === parameter.type && read.parameters.length === length) return result;
  throw file.fail('a parameter cannot be added to the way that the list is written; add it by hand');
}

function textsOf(parameter: Parameter | undefined): string {
  return JSON.stringify([parameter?.name, parameter?.description, parameter?.value]);
}

function inBlock({ source }: SecretsFile, list: YAMLSeq, last: YAMLMap, parameter: NewParameter): string {
  const { text } = source;
  const [from, to] = last.range ?? [0, 0];
  const newline = newlineOf(text);
  const dash = columnAt(text, list.range?.[0] ?? 0);
  const margin = ' '.repeat(dash);
  const key = last.items[0]?.key as Node | undefined;
  const indent = last.flow === true ? dash + 2 : columnAt(text, key?.range?.[0] ?? from);
  const end = lineEnd(text, from + text.slice(from, to).trimEnd().length);
  const fields = Object.entries(parameter).map(([key, value]) => {
    const { head, body } = writeScalar(value, { style: 'plain', flow: false, indent, newline });
    return `${key}: ${head}${body}`;
  });
  const item = `${margin}-${' '.repeat(Math.max(1, indent - dash - 1))}${fields.join(newline + ' '.repeat(indent))}`;
  if (end < text.length) return applyEdits(text, [{ from: end, to: end, text: newline + item }]);
  // A block has its last line break in the file.
  return applyEdits(text, [...closedBlock(source), { from: end, to: end, text: newline + item + newline }]);
}

/** As JSON, which every list within brackets takes. */
function inFlow(text: string, list: YAMLSeq, { name, description, type, value }: NewParameter): string {
  const end = (list.range?.[1] ?? 1) - 1;
  const quoted = (value: string) =>
    writeScalar(value, { style: 'double', flow: true, indent: undefined, newline: '\n' }).head;
  const fields = Object.entries({ name, description, type, value }).map(([key, value]) => `"${key}": ${quoted(value)}`);
  const item = `${list.items.length > 0 ? ', ' : ''}{${fields.join(', ')}}`;
  return applyEdits(text, [{ from: end, to: end, text: item }]);
}
