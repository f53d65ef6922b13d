/**
 * Chains of roles that lead to an AWS account: `multi_hop_accessors` of an accessor file
 * (docs/reference/access.md), checked, external ids filled in.
 */
export interface Accessor {
  /** In the order in which they are tried; none: the credentials of this process are used as they are. */
  readonly chains: readonly AccessChain[];
  /** Whether credentials of a hop may serve again. */
  readonly cacheCreds: boolean;
  /** `aws`, `aws-cn`, `aws-us-gov`, …; absent: by the region of the security token service. */
  readonly partition?: string;
  /** Region of the security token service; absent: the one that the SDK finds. */
  readonly stsRegion?: string;
  /** Accounts that `probe --all` tries. */
  readonly accounts: readonly string[];
}

export interface AccessChain {
  readonly sessionName: string;
  /** At least one; the last one without an account. */
  readonly steps: readonly AccessStep[];
  /** Of the first hop; of later ones too where AWS gives that much to a chained role. */
  readonly durationSeconds?: number;
}

export interface AccessStep {
  /** May hold a path: `a/b/Role`. */
  readonly roleName: string;
  /** Absent in the last step: the account that is asked for. */
  readonly accountId?: string;
  /** The template filled in; empty is not sent. */
  readonly externalId?: string;
  readonly durationSeconds?: number;
  readonly sessionTags?: Readonly<Record<string, string>>;
  readonly transitiveTagKeys?: readonly string[];
  readonly sourceIdentity?: string;
  /** JSON. */
  readonly policy?: string;
  readonly policyArns?: readonly string[];
  readonly mfaSerial?: string;
  /** File with the token of an OpenID Connect issuer, read anew for every session. First step only. */
  readonly webIdentityTokenFile?: string;
}

/** `accessor:SESSION:ROLE@ACCOUNT,ROLE@target`: no external id, no tag, fit for logs and errors. */
export function chainText({ sessionName, steps }: AccessChain): string {
  return `accessor:${sessionName}:${steps.map(({ roleName, accountId = 'target' }) => `${roleName}@${accountId}`).join(',')}`;
}

/** All chains in order, with `,` between. */
export function accessorText({ chains }: Pick<Accessor, 'chains'>): string {
  return chains.map(chainText).join(',');
}
