import { ACTIONS, type Action } from '../core/policy.ts';
import { type Conditions, dayNumber, type Window } from './conditions.ts';
import { type Pattern, parsePattern } from './pattern.ts';
import { actionBit, type Rule, type Subject } from './rule.ts';
import type { ConditionsDocument, RuleDocument, SubjectDocument } from './schema.ts';
import { type TextSet, textSet } from './text-set.ts';

/** Tells what is wrong at a path of the document. */
export type Report = (path: string, text: string) => void;

/** What a rule of the document means. What is reported makes the rule unfit for use. */
export function compileRule(document: RuleDocument, path: string, report: Report): Rule {
  const { name, effect, subjects, resources, conditions } = document;
  const actions = [...new Set(document.actions.flatMap(actionsOf))];
  if (resources === undefined && actions.some((action) => !/^(system|policy)\./.test(action))) {
    report(path, 'must have resources: say which ids, such as team-a/**, or ** for all');
  }
  if (effect === 'deny' && conditions?.maxLength !== undefined) {
    report(`${path}.conditions.maxLength`, 'has no place in a rule that denies: it would deny the shorter keys');
  }
  const open = subjects.findIndex(({ kind }) => kind === 'anonymous');
  if (effect === 'allow' && open !== -1 && conditions?.listeners === undefined) {
    report(`${path}.subjects[${open}]`, 'is anybody without credentials: name the listeners in conditions.listeners');
  }
  const within = conditions && compileConditions(conditions, `${path}.conditions`, report);
  return {
    name,
    effect,
    decision: { allowed: effect === 'allow', rule: name },
    subjects: subjects.map((subject, at) => compileSubject(subject, `${path}.subjects[${at}]`, report)),
    actions: actions.reduce((bits, action) => bits | actionBit(action), 0),
    ...(resources === undefined ? {} : { resources: setOf(resources, `${path}.resources`, report) }),
    ...(within === undefined ? {} : { conditions: within }),
    document,
    path,
  };
}

/** The actions that a word of the document stands for. */
export function actionsOf(word: string): Action[] {
  return ACTIONS.filter((action) => action === word || (word.endsWith('.*') && action.startsWith(word.slice(0, -1))));
}

function compileSubject(document: SubjectDocument, path: string, report: Report): Subject {
  const { kind, names, groups, namespaces } = document;
  const setAt = (name: string, texts: readonly string[]) => setOf(texts, `${path}.${name}`, report, false);
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(names === undefined ? {} : { names: setAt('names', names) }),
    ...(groups === undefined ? {} : { groups: setAt('groups', groups) }),
    ...(namespaces === undefined ? {} : { namespaces: setAt('namespaces', namespaces) }),
  };
}

function compileConditions(document: ConditionsDocument, path: string, report: Report): Conditions {
  const { maxLength, context, time, listeners } = document;
  const values = Object.entries(context ?? {}).flatMap(([name, text]) => {
    const pattern = patternAt(text, `${path}.context.${name}`, report);
    return pattern === undefined ? [] : [[name, pattern] as const];
  });
  return {
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(context === undefined ? {} : { context: values }),
    ...(time === undefined ? {} : { time: compileWindow(time, `${path}.time`, report) }),
    ...(listeners === undefined ? {} : { listeners: new Set(listeners) }),
  };
}

function compileWindow(document: NonNullable<ConditionsDocument['time']>, path: string, report: Report): Window {
  const { days, hours, notBefore, notAfter } = document;
  const from = notBefore === undefined ? undefined : instant(notBefore, `${path}.notBefore`, report);
  const until = notAfter === undefined ? undefined : instant(notAfter, `${path}.notAfter`, report);
  if (from !== undefined && until !== undefined && from >= until) {
    report(`${path}.notAfter`, 'must be later than notBefore');
  }
  const minutes = hours?.split('-').map(minuteOf) as [number, number] | undefined;
  if (minutes !== undefined && minutes[0] === minutes[1]) {
    report(`${path}.hours`, 'must end at another time than they begin; leave them out for the whole day');
  }
  return {
    ...(days === undefined ? {} : { days: new Set(days.map(dayNumber)) }),
    ...(minutes === undefined ? {} : { hours: minutes }),
    ...(from === undefined ? {} : { notBefore: from }),
    ...(until === undefined ? {} : { notAfter: until }),
  };
}

function minuteOf(text: string): number {
  return Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
}

/** The parser of the runtime takes the 30th of February for the 2nd of March. */
function instant(text: string, path: string, report: Report): number | undefined {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime()) && time.toISOString().startsWith(text.slice(0, 16))) return time.getTime();
  report(path, 'must be a day and a time that exist');
  return undefined;
}

function setOf(texts: readonly string[], path: string, report: Report, templates = true): TextSet {
  return textSet(
    texts.flatMap((text, at) => {
      const pattern = patternAt(text, `${path}[${at}]`, report, templates);
      return pattern === undefined ? [] : [pattern];
    }),
  );
}

function patternAt(text: string, path: string, report: Report, templates = true): Pattern | undefined {
  const pattern = parsePattern(text);
  if ('wrong' in pattern) {
    report(path, pattern.wrong);
    return undefined;
  }
  if (!templates && pattern.templates.length > 0) {
    report(path, 'must not have a template: templates stand in resources and in context');
  }
  return pattern;
}
