import { Fields } from './answers.ts';

/** A rule of the policy that was asked. */
export interface TriedRule {
  readonly rule: string;
  readonly effect: string;
  /** The first of its parts that does not hold; absent: the rule applies. */
  readonly failed?: string;
  readonly why?: string;
}

/** Why the policy refused. */
export interface Refusal {
  readonly time: string;
  readonly principal: {
    readonly kind: string;
    readonly name: string;
    readonly groups: readonly string[];
    readonly namespace?: string;
    readonly serviceAccount?: string;
  };
  readonly action: string;
  /** An id; or, of scope `prefix`, what all the ids begin with. */
  readonly resource: string;
  readonly scope: string;
  readonly listener: string;
  readonly length?: number;
  /** Which rule refused. */
  readonly rule: string;
  /** Those that come nearest first; 20 at most. */
  readonly tried: readonly TriedRule[];
  /** How many rules the policy has. */
  readonly rules: number;
  readonly advice?: string;
  /** YAML for the list of rules. */
  readonly smallestRule?: string;
  /** False: the policy of then is not kept any more, and this is what the present one says. */
  readonly original: boolean;
}

export function readRefusals(answer: Fields): Refusal[] {
  return answer.list('refusals').map((value) => readRefusal(new Fields(value, 'a refusal')));
}

function readRefusal(fields: Fields): Refusal {
  return {
    time: fields.text('time'),
    principal: readPrincipal(fields.object('principal')),
    action: fields.text('action'),
    resource: fields.text('resource'),
    scope: fields.text('scope'),
    listener: fields.text('listener'),
    ...(fields.has('length') ? { length: fields.count('length') } : {}),
    rule: fields.text('rule'),
    tried: fields.list('tried').map(readTried),
    rules: fields.count('rules'),
    ...texts(fields, ['advice', 'smallestRule']),
    original: fields.flag('original'),
  };
}

function readPrincipal(fields: Fields): Refusal['principal'] {
  return {
    kind: fields.text('kind'),
    name: fields.text('name'),
    groups: fields.list('groups').map(String),
    ...texts(fields, ['namespace', 'serviceAccount']),
  };
}

function readTried(value: unknown): TriedRule {
  const fields = new Fields(value, 'a rule of a refusal');
  return { rule: fields.text('rule'), effect: fields.text('effect'), ...texts(fields, ['failed', 'why']) };
}

/** Those that are there. */
function texts<Name extends string>(fields: Fields, names: readonly Name[]): { [K in Name]?: string } {
  return Object.fromEntries(names.filter((name) => fields.has(name)).map((name) => [name, fields.text(name)])) as {
    [K in Name]?: string;
  };
}
