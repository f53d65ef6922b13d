import type { PolicyRequest } from '../core/policy.ts';
import { literally } from './pattern.ts';
import { KINDS, LISTENERS, type RuleDocument } from './schema.ts';

/**
 * The rule that allows this caller this and nothing else, as YAML for the list of rules. It says nothing of the time;
 * the listener stands in it where the caller is anybody.
 */
export function smallestRule(request: PolicyRequest, name: string): string {
  const rule = smallestRuleDocument(request, name);
  const { conditions } = rule;
  const lines = [
    `- name: ${rule.name}`,
    `  effect: ${rule.effect}`,
    `  subjects: ${flow(rule.subjects)}`,
    `  actions: [${rule.actions.join(', ')}]`,
    `  resources: ${flow(rule.resources)}`,
    ...(conditions === undefined ? [] : [`  conditions: ${flow(conditions)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

export function smallestRuleDocument(request: PolicyRequest, name: string): RuleDocument {
  const { principal, action, resource, scope, length, context } = request;
  const kind = KINDS.find((known) => known === principal.kind);
  const listener = LISTENERS.find((known) => known === request.listener);
  const values = Object.entries(context ?? {}).map(([key, value]) => [key, literally(value)] as const);
  const conditions: RuleDocument['conditions'] = {
    ...(length === undefined ? {} : { maxLength: length }),
    ...(values.some(([, value]) => value !== '')
      ? { context: Object.fromEntries(values.filter(([, value]) => value !== '')) }
      : {}),
    ...(principal.kind === 'anonymous' && listener !== undefined ? { listeners: [listener] } : {}),
  };
  return {
    name,
    effect: 'allow',
    subjects: [{ ...(kind === undefined ? {} : { kind }), names: [literally(principal.name)] }],
    actions: [action],
    resources: [scope === 'id' ? literally(resource) : `${literally(resource)}**`],
    ...(Object.keys(conditions).length === 0 ? {} : { conditions }),
  };
}

/** JSON in the form that people write YAML in; whatever cannot be seen, or is not ASCII, is escaped. */
function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? quoted(value) : String(value);
  const members = Object.entries(value).map(
    ([name, member]) => `${/^[a-z]\w*$/i.test(name) ? name : quoted(name)}: ${flow(member)}`,
  );
  return `{ ${members.join(', ')} }`;
}

function quoted(text: string): string {
  return JSON.stringify(text).replace(/[^\x20-\x7e]/gu, (character) => {
    const number = character.codePointAt(0) ?? 0;
    return number > 0xffff ? `\\U${hex(number, 8)}` : `\\u${hex(number, 4)}`;
  });
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}
