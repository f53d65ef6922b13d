import type { AwsKeys } from '../../core/roles.ts';

/**
 * Where calls to AWS go and who makes them. What is absent, the SDK finds by its own rules.
 *
 * A file of its own, without the SDK: entry points of the package give it on, to programs that have not installed it.
 */
export interface AwsPlace {
  readonly region?: string;
  readonly endpoint?: string;
  readonly credentials?: AwsKeys | (() => Promise<AwsKeys>);
}
