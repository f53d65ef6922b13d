/** What PyYAML's safe loader, a YAML 1.1 reader, takes a plain scalar for. Everything but `text` changes its type. */
export type ScalarKind = 'text' | 'null' | 'boolean' | 'integer' | 'float' | 'time' | 'merge' | 'value';

// PyYAML 6, resolver.py; its letters and digits are ASCII.
const KINDS: readonly (readonly [ScalarKind, RegExp])[] = [
  ['null', /^(?:~|null|Null|NULL|)$/],
  ['boolean', /^(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)$/],
  [
    'integer',
    /^(?:[-+]?0b[01_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$/,
  ],
  [
    'float',
    /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/,
  ],
  [
    'time',
    /^(?:\d{4}-\d\d-\d\d|\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?))?)$/,
  ],
  ['merge', /^<<$/],
  ['value', /^=$/],
];

/** Of a plain scalar: quoted ones are text. */
export function scalarKind(text: string): ScalarKind {
  return KINDS.find(([, form]) => form.test(text))?.[0] ?? 'text';
}

/**
 * Whether Python writes the typed value back as it was written, so that an unquoted value means the same to psyml, which
 * stores `str(value)`. Where it is hard to tell the answer is no.
 */
export function sameInPython(text: string): boolean {
  switch (scalarKind(text)) {
    case 'text':
      return true;
    case 'integer':
      return /^(?:0|-?[1-9][0-9]*)$/.test(text);
    case 'float':
      return sameFloat(text);
    case 'time':
      return isDay(text) && /^\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?:\.(?!0{6})\d{6})?(?:[-+]\d\d:\d\d)?)?$/.test(text);
    default:
      return false;
  }
}

/** Python refuses the whole file for a day that no calendar has. */
function isDay(text: string): boolean {
  const day = text.slice(0, 10);
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day) && day > '0001';
}

/** Python writes the shortest digits that give the same number, with an exponent for the very small and large ones. */
function sameFloat(text: string): boolean {
  if (!/^-?(?:0|[1-9][0-9]*)\.(?:0|[0-9]*[1-9])$/.test(text)) return false;
  const size = Math.abs(Number(text));
  return text.replace(/[-.]/g, '').length <= 15 && (size === 0 || (size >= 1e-4 && size < 1e15));
}
