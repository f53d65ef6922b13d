import type { Setting } from './settings.ts';
import type { Read } from './value.ts';

/** Where a value came from. */
export type Source =
  | { readonly kind: 'default' }
  | { readonly kind: 'file'; readonly path: string; readonly line?: number }
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'flag'; readonly name: string };

/** In the words of whoever gave the value: `keystead.yaml:3`, `KEYSTEAD_KMS`, `--kms`, `default`. */
export function describeSource(source: Source): string {
  switch (source.kind) {
    case 'default':
      return 'default';
    case 'file':
      return source.line === undefined ? source.path : `${source.path}:${source.line}`;
    case 'environment':
      return source.name;
    case 'flag':
      return `--${source.name}`;
  }
}

/** A setting as one source gives it. */
export interface Given {
  readonly setting: Setting;
  readonly source: Source;
  readonly read: Read;
}

/** What is wrong with what one source gives; the text never shows a URI. */
export interface Problem {
  readonly source: Source;
  readonly text: string;
}

/** What one source gives, and what is wrong with it. */
export interface Offer {
  readonly given: readonly Given[];
  readonly problems: readonly Problem[];
  /** The configuration file that it names. */
  readonly config?: string;
}
