import { AWS_REGION } from '../core/aws-region.ts';
import type { AccessChain, Accessor, AccessStep } from './accessor.ts';
import { type AccessorProblem, Fields, flag, isObject, list, Problems, text, wholeNumber } from './problems.ts';
import { MAX_CHAINED_SECONDS, readStep, STEP_SECONDS } from './read-step.ts';

export interface ReadAccessor {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Wins over what the file says. */
  readonly cacheCreds?: boolean | undefined;
}

/** Hops at most: AWS has no such limit, but a longer chain was not meant. */
const MAX_STEPS = 16;
const SESSION_NAME = text(/^[\w+=,.@-]{2,64}$/, '2 to 64 characters out of A-Z a-z 0-9 _ + = , . @ -');
const ACCOUNT = text(/^\d{12}$/, 'an account id of 12 digits, in quotes');
const PARTITION = text(/^aws(-[a-z]+){0,3}$/, 'a partition such as aws, aws-cn or aws-us-gov');
const REGION = text(new RegExp(AWS_REGION), 'a region such as eu-central-1');

/**
 * Checks what an accessor file holds and fills external ids in.
 *
 * Promises: unknown fields, chains that lead in a circle, are too long or ask for longer sessions than AWS gives, and
 * credentials in the file are refused; all that is wrong is told at once, each with its place.
 */
export function readAccessor(
  document: unknown,
  from: ReadAccessor,
): { readonly accessor: Accessor } | { readonly problems: readonly AccessorProblem[] } {
  const problems = new Problems();
  const accessor = isObject(document)
    ? whole(document, from, problems)
    : problems.wrong('', 'must hold an object with multi_hop_accessors');
  return problems.list.length > 0 || accessor === undefined ? { problems: problems.list } : { accessor };
}

function whole(document: object, { env, cacheCreds }: ReadAccessor, problems: Problems): Accessor {
  if (Object.hasOwn(document, 'credentials_cache')) {
    problems.wrong('credentials_cache', 'must not stand in the file: no credentials are read from there; remove it');
  }
  // No chains at all are other credentials than those of a chain: that must be said, not left out.
  for (const name of ['multi_hop_accessors', 'cache_creds']) {
    const isNull = Object.hasOwn(document, name) && (document as Readonly<Record<string, unknown>>)[name] === null;
    if (isNull) problems.wrong(name, 'must not be null; give a value, or remove the line');
  }
  const { credentials_cache: _, ...rest } = document as { credentials_cache?: unknown };
  const fields = new Fields(rest, '', problems);
  const chain = (value: unknown, at: string) => readChain(value, at, env, problems);
  const { chains = [] } = fields.optional('multi_hop_accessors', 'chains', list(chain));
  const { cached = true } = fields.optional('cache_creds', 'cached', flag);
  const accessor = {
    chains,
    cacheCreds: cacheCreds ?? cached,
    ...fields.optional('partition', 'partition', PARTITION),
    ...fields.optional('sts_region', 'stsRegion', REGION),
    accounts: fields.optional('accounts', 'accounts', list(ACCOUNT)).accounts ?? [],
  };
  fields.end();
  return accessor;
}

function readChain(value: unknown, at: string, env: ReadAccessor['env'], problems: Problems): AccessChain | undefined {
  if (!isObject(value)) return problems.wrong(at, 'must be an object with role_session_name and access_steps');
  const before = problems.list.length;
  const fields = new Fields(value, at, problems);
  const sessionName = fields.required('role_session_name', SESSION_NAME);
  const step = (each: unknown, where: string) => readStep(each, where, env, problems);
  const steps = fields.required('access_steps', (each, where) => {
    if (Array.isArray(each) && each.length === 0) {
      return problems.wrong(where, 'must hold at least one step; one or more access steps must be specified');
    }
    return list(step)(each, where, problems);
  });
  const duration = fields.optional('duration_seconds', 'durationSeconds', wholeNumber(...STEP_SECONDS));
  fields.end();
  if (steps !== undefined) checkSteps(steps, fields.at('access_steps'), problems);
  if (steps !== undefined && steps.length > 1 && (duration.durationSeconds ?? 0) > MAX_CHAINED_SECONDS) {
    problems.wrong(
      fields.at('duration_seconds'),
      `must be at most ${MAX_CHAINED_SECONDS}, the hour that AWS gives to chained roles; only the first step may have more`,
    );
  }
  if (sessionName === undefined || steps === undefined || problems.list.length > before) return undefined;
  return { sessionName, steps, ...duration };
}

/** What can only be seen of the steps together. */
function checkSteps(steps: readonly AccessStep[], at: string, problems: Problems): void {
  if (steps.length > MAX_STEPS) problems.wrong(at, `must hold at most ${MAX_STEPS} steps`);
  const seen = new Map<string, number>();
  for (const [index, step] of steps.entries()) {
    const last = index === steps.length - 1;
    const here = `${at}[${index}]`;
    if (last && step.accountId !== undefined) {
      problems.wrong(`${here}.account_id`, 'must not stand in the last step, whose account is the one asked for');
    }
    if (!last && step.accountId === undefined) {
      problems.wrong(`${here}.account_id`, 'is missing: every step but the last must specify an account_id');
    }
    if (index > 0 && (step.durationSeconds ?? 0) > MAX_CHAINED_SECONDS) {
      problems.wrong(
        `${here}.duration_seconds`,
        `must be at most ${MAX_CHAINED_SECONDS}, the hour that AWS gives to chained roles`,
      );
    }
    for (const first of ['web_identity_token_file', 'mfa_serial'] as const) {
      const given = first === 'mfa_serial' ? step.mfaSerial : step.webIdentityTokenFile;
      if (index > 0 && given !== undefined) problems.wrong(`${here}.${first}`, 'is for the first step only');
    }
    if (last) break;
    const role = `${step.roleName}@${step.accountId}`;
    const before = seen.get(role);
    if (before !== undefined) problems.wrong(here, `leads in a circle: ${role} is already step ${before}; remove one`);
    else seen.set(role, index);
  }
}
