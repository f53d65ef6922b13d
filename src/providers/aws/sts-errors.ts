import { KeysteadError, type Reason } from '../../core/errors.ts';
import { awsError } from './errors.ts';

type Row = readonly [Reason, says: string];

const denied: Row = ['provider-denied', 'AWS does not permit it'];
const policy: Row = ['bad-accessor', 'AWS does not take the policy or the tags of this step'];
const value: Row = ['bad-accessor', 'AWS does not take a value of this step'];
const token: Row = [
  'provider-credentials',
  'AWS does not accept the web identity token; check its issuer, its audience and that it is fresh',
];
const issuer: Row = ['sts-unreachable', 'AWS could not reach the issuer of the web identity token; try again'];

/** Errors of the security token service, where they mean something else than at other services. */
export const STS_ERRORS: Readonly<Record<string, Row>> = {
  AccessDenied: denied,
  AccessDeniedException: denied,
  MalformedPolicyDocument: policy,
  MalformedPolicyDocumentException: policy,
  PackedPolicyTooLarge: policy,
  PackedPolicyTooLargeException: policy,
  ValidationError: value,
  InvalidParameterValue: value,
  InvalidIdentityToken: token,
  InvalidIdentityTokenException: token,
  IDPRejectedClaim: token,
  IDPRejectedClaimException: token,
  IDPCommunicationError: issuer,
  IDPCommunicationErrorException: issuer,
  CredentialsProviderError: [
    'provider-credentials',
    'this process has no AWS credentials; set them up in the environment, a profile, a web identity or the machine',
  ],
  RegionDisabledException: ['wrong-region', 'the account has not enabled this region for AWS STS; use another one'],
};

/** The one name of a failed call, with what AWS said. An error that no row knows is `unexpected`. */
export function stsError(error: unknown, name: string): KeysteadError {
  if (!(error instanceof Error) || error instanceof KeysteadError) return KeysteadError.from(error);
  const [reason, says] = (Object.hasOwn(STS_ERRORS, error.name) && STS_ERRORS[error.name]) || [];
  if (reason !== undefined) return new KeysteadError(reason, `${name}: ${says}${said(error)}`, { cause: error });
  const known = awsError(error, { side: 'sts', name });
  if (known.reason !== 'unexpected') {
    return new KeysteadError(known.reason, `${known.message}${said(error)}`, { cause: error });
  }
  return '$fault' in error
    ? new KeysteadError('unexpected', `${name}: AWS refuses it${said(error)}`, { cause: error })
    : known;
}

/** Names whose texts tell roles and rules: the text that goes with a bad signature holds the whole request. */
const QUOTED =
  /^(AccessDenied|ValidationError|MalformedPolicy|PackedPolicy|IDP|InvalidIdentityToken|Throttl|RegionDisabled)/;
const MAX_SAID = 600;

/** What AWS said, with whatever is as long as a secret left out. */
function said({ name, message }: Error): string {
  if (name === 'Error') return ''; // of the network, and put into words already
  if (!QUOTED.test(name)) return ` (${name.slice(0, 64)})`;
  const text = message
    .replace(/[^ -~]+/g, ' ')
    .replace(/(?<![\w/+=])(?!(?:role|user|assumed-role|policy)\/)[A-Za-z0-9/+=]{40,}/g, '…')
    .slice(0, MAX_SAID);
  return ` (AWS: ${name.slice(0, 64)}: ${text})`;
}
