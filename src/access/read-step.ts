import type { AccessStep } from './accessor.ts';
import { fillTemplate } from './external-id.ts';
import { Fields, isObject, list, type Problems, text, wholeNumber } from './problems.ts';

/** Seconds of a session: the least and the most that AWS gives. */
export const STEP_SECONDS = [900, 43_200] as const;
/** Seconds that a session of a chained role has at most, whatever the role allows. */
export const MAX_CHAINED_SECONDS = 3600;

const MAX_TAGS = 50;
const MAX_POLICY = 2048;
const MAX_POLICY_ARNS = 10;

const ROLE = text(
  /^(?=.{1,576}$)(?:[!-.0-9;-~]{1,511}\/)*[\w+=,.@-]{1,64}$/,
  'the name of a role, with its path where it has one and without a slash at its head: not its ARN',
);
const EXTERNAL_ID = /^(?:[\w+=,.@:/-]{2,1224})?$/;
const SOURCE_IDENTITY = text(/^(?!aws:)[\w+=,.@-]{2,64}$/, '2 to 64 characters out of A-Z a-z 0-9 _ + = , . @ -');
const MFA_SERIAL = text(/^[\w+=/:,.@-]{9,256}$/, 'the ARN or the serial number of an MFA device');
const TAG_KEY = /^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/iu;
const TAG_VALUE = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u;
const POLICY_ARN = text(/^arn:aws[a-z-]*:iam::(aws|\d{12}):policy\/[!-~]{1,511}$/, 'the ARN of an IAM policy');
const PATH = text(/^[^\0]{1,4096}$/, 'a path');

/** Checks one access step and fills its external id in. */
export function readStep(
  value: unknown,
  at: string,
  env: Readonly<Record<string, string | undefined>>,
  problems: Problems,
): AccessStep | undefined {
  if (!isObject(value)) return problems.wrong(at, 'must be an object with role_name');
  const before = problems.list.length;
  const fields = new Fields(value, at, problems);
  const roleName = fields.required('role_name', ROLE);
  const step = {
    ...fields.optional('account_id', 'accountId', accountId),
    ...fields.optional('external_id', 'externalId', (each, where) => externalId(each, where, env, problems)),
    ...fields.optional('duration_seconds', 'durationSeconds', wholeNumber(...STEP_SECONDS)),
    ...fields.optional('session_tags', 'sessionTags', tags),
    ...fields.optional('transitive_tag_keys', 'transitiveTagKeys', list(text(TAG_KEY, 'the key of a session tag'))),
    ...fields.optional('source_identity', 'sourceIdentity', SOURCE_IDENTITY),
    ...fields.optional('policy', 'policy', policy),
    ...fields.optional('policy_arns', 'policyArns', policyArns),
    ...fields.optional('mfa_serial', 'mfaSerial', MFA_SERIAL),
    ...fields.optional('web_identity_token_file', 'webIdentityTokenFile', PATH),
  };
  fields.end();
  if (step.webIdentityTokenFile !== undefined) refuseBesideWebIdentity(fields, problems);
  if (roleName === undefined || problems.list.length > before) return undefined;
  return { roleName, ...step };
}

/** AssumeRoleWithWebIdentity takes none of these. */
function refuseBesideWebIdentity(fields: Fields, problems: Problems): void {
  for (const name of ['external_id', 'session_tags', 'transitive_tag_keys', 'source_identity', 'mfa_serial']) {
    if (fields.has(name)) problems.wrong(fields.at(name), 'does not go with web_identity_token_file; remove one');
  }
}

function accountId(value: unknown, at: string, problems: Problems): string | undefined {
  return text(/^\d{12}$/, 'an account id of 12 digits, in quotes')(digits(value), at, problems);
}

/** A whole number is taken as text, as JSON and YAML files often have it; one that lost digits on the way is not. */
function digits(value: unknown): unknown {
  return typeof value === 'bigint' || Number.isSafeInteger(value) ? String(value) : value;
}

function externalId(
  value: unknown,
  at: string,
  env: Readonly<Record<string, string | undefined>>,
  problems: Problems,
): string | undefined {
  const template = digits(value);
  if (typeof template !== 'string') return problems.wrong(at, 'must be text, in quotes');
  const filled = fillTemplate(template, env);
  if ('problem' in filled) return problems.wrong(at, filled.problem);
  if (EXTERNAL_ID.test(filled.text)) return filled.text;
  return problems.wrong(at, 'must be 2 to 1224 characters out of A-Z a-z 0-9 _ + = , . @ : / -');
}

function tags(value: unknown, at: string, problems: Problems): Readonly<Record<string, string>> | undefined {
  if (!isObject(value)) return problems.wrong(at, 'must be an object with a text for each tag');
  const pairs = Object.entries(value);
  if (pairs.length > MAX_TAGS) return problems.wrong(at, `must hold at most ${MAX_TAGS} tags`);
  for (const [key, each] of pairs) {
    if (!TAG_KEY.test(key)) return problems.wrong(at, 'has a tag whose key AWS does not take');
    if (typeof each !== 'string' || !TAG_VALUE.test(each)) {
      return problems.wrong(`${at}.${key}`, 'must be a text of at most 256 characters that AWS takes');
    }
  }
  return Object.fromEntries(pairs);
}

/** JSON, or an object that becomes it. */
function policy(value: unknown, at: string, problems: Problems): string | undefined {
  const json = isObject(value) ? JSON.stringify(value) : value;
  if (typeof json !== 'string' || !isJsonObject(json)) {
    return problems.wrong(at, 'must be an IAM policy, as an object or as a text that holds JSON');
  }
  return json.length <= MAX_POLICY ? json : problems.wrong(at, `must be at most ${MAX_POLICY} characters of JSON`);
}

function policyArns(value: unknown, at: string, problems: Problems): readonly string[] | undefined {
  const arns = list(POLICY_ARN)(value, at, problems);
  if (arns === undefined || arns.length <= MAX_POLICY_ARNS) return arns;
  return problems.wrong(at, `must hold at most ${MAX_POLICY_ARNS} policies`);
}

function isJsonObject(json: string): boolean {
  try {
    return isObject(JSON.parse(json));
  } catch {
    return false;
  }
}
