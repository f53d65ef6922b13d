import { InvalidArgumentError, Option } from 'commander';
import type { Refusal } from '../../client/refusal.ts';
import { CODES, KeysteadError } from '../../core/errors.ts';
import { nearestName } from '../../core/nearest-name.ts';
import { ACTIONS, type Action, type PolicyRequest } from '../../core/policy.ts';
import { type DefineCommand, dataKeyId, formatOption, single, wholeNumber } from '../command.ts';
import { type ConnectOptions, connect, connectOptions } from '../connect.ts';
import { columns, type Format, print, printable } from '../output.ts';
import { principalOf } from '../principal.ts';

const LISTENERS = ['http', 'grpc', 'admin'] as const;

interface Options extends ConnectOptions {
  readonly policy?: string;
  readonly principal?: string;
  readonly group?: string[];
  readonly action?: Action;
  readonly resource?: string;
  readonly prefix?: string;
  readonly listener?: PolicyRequest['listener'];
  readonly length?: number;
  readonly at?: Date;
  readonly output?: Format;
}

/** What is shown of a decision, whoever took it. */
type Shown = Omit<Refusal, 'original' | 'time'> & Partial<Pick<Refusal, 'original' | 'time'>>;

/** `keystead policy explain AUDIT-ID`, `keystead policy explain --policy FILE --principal … --action … --resource …` */
export const define: DefineCommand = (command, { io, result }) => {
  connectOptions(command)
    .argument('[audit-id]', 'as the refusal gave it')
    .addOption(single('--policy <file>', 'ask this file instead of a service'))
    .addOption(
      single('--principal <name>', 'who asks: system:serviceaccount:NS:NAME, token:NAME, oidc:ISSUER:SUBJECT, …'),
    )
    .addOption(new Option('--group <name>', 'a group of the caller; may be given several times').argParser(collect))
    .addOption(single('--action <action>', 'what is asked, such as data-key.get', action))
    .addOption(single('--resource <id>', 'the id that it is asked of'))
    .addOption(single('--prefix <text>', 'all ids that begin so, in place of --resource'))
    .addOption(single('--listener <name>', 'http (the default), grpc or admin', listener))
    .addOption(single('--length <n>', 'bytes of the key; default 32', wholeNumber))
    .addOption(single('--at <time>', 'when, such as 2027-01-01T08:00Z; default now', instant))
    .addOption(formatOption())
    .action(async (auditId: string | undefined, options: Options) => {
      const format = options.output ?? 'plain';
      if ((auditId === undefined) === (options.policy === undefined)) {
        throw new KeysteadError('bad-usage', 'give either an audit id or --policy FILE with a request');
      }
      if (auditId !== undefined) {
        const refusals = await connect(io, options).explainRefusal(auditId, { signal: io.interrupted() });
        await print(io, format, { auditId, refusals }, () => refusals.map(text).join('\n'));
        return;
      }
      const { allowed, shown } = await ask(options.policy as string, requestOf(options));
      await print(io, format, { allowed, ...shown }, () => text(shown));
      if (!allowed) result.exitStatus = CODES.permission_denied.exit;
    });
};

async function ask(file: string, request: PolicyRequest): Promise<{ allowed: boolean; shown: Shown }> {
  const [{ readPolicyFile }, { explain }] = await Promise.all([
    import('../../wiring/policy-file.ts'),
    import('../../policy/explain.ts'),
  ]);
  const { decision, ...explained } = explain((await readPolicyFile(file)).policy, request, 'allow-this');
  const { time: _, context: __, length, ...asked } = request;
  const long = length === undefined ? {} : { length };
  return { allowed: decision.allowed, shown: { ...asked, ...long, ...explained, rule: decision.rule } };
}

function requestOf({
  principal,
  group = [],
  action,
  resource,
  prefix,
  listener,
  length = 32,
  at,
}: Options): PolicyRequest {
  if (principal === undefined || action === undefined || (resource === undefined) === (prefix === undefined)) {
    throw new KeysteadError('bad-usage', 'give --principal, --action and one of --resource and --prefix');
  }
  const asksLength = action === 'data-key.get' || action === 'data-key.create' || action === 'kek.generate-data-key';
  return {
    principal: principalOf(principal, group),
    action,
    resource: resource === undefined ? (prefix ?? '') : dataKeyId(resource),
    scope: resource === undefined ? 'prefix' : 'id',
    listener: listener ?? 'http',
    time: at ?? new Date(),
    ...(asksLength ? { length } : {}),
  };
}

function text(refusal: Shown): string {
  const { principal, action, resource, scope, listener, length, time, rule, tried, rules, advice, smallestRule } =
    refusal;
  const what = scope === 'id' ? JSON.stringify(resource) : `all ids that begin with ${JSON.stringify(resource)}`;
  const rows = [
    ['who', `${principal.kind} ${principal.name}`],
    ['groups', principal.groups.join(', ') || '-'],
    ['asked', `${action} of ${what}${length === undefined ? '' : `, ${length} bytes`}`],
    ['by', `${listener}${time === undefined ? '' : ` at ${time}`}`],
    ['decision', advice === undefined ? `allowed by ${rule}` : `denied by ${rule}`],
    ...(refusal.original === false ? [['note', 'the policy of then is gone; this is what the present one says']] : []),
    ...tried.map((each, at) => [at === 0 ? `tried, of ${rules}` : '', triedText(each)]),
    ...(advice === undefined ? [] : [['advice', advice]]),
  ];
  const table = columns(rows.map((row) => row.map(printable)));
  return smallestRule === undefined ? table : `${table}\n${smallestRule}`;
}

function triedText({ rule, effect, failed, why }: Shown['tried'][number]): string {
  return failed === undefined ? `${rule} (${effect}): applies` : `${rule} (${effect}): ${failed}: ${why ?? ''}`;
}

function collect(name: string, earlier: string[] | undefined): string[] {
  return [...(earlier ?? []), name];
}

function action(name: string): Action {
  const found = ACTIONS.find((known) => known === name);
  if (found !== undefined) return found;
  const near = nearestName(name.slice(0, 64), ACTIONS);
  throw new InvalidArgumentError(near === undefined ? 'there is no such action' : `did you mean ${near}?`);
}

function listener(name: string): PolicyRequest['listener'] {
  const found = LISTENERS.find((known) => known === name);
  if (found !== undefined) return found;
  throw new InvalidArgumentError(`give one of ${LISTENERS.join(', ')}`);
}

function instant(text: string): Date {
  const time = new Date(text);
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z$/.test(text) && !Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError('give a time in UTC, such as 2027-01-01T08:00Z');
}
