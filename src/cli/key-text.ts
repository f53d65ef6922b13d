import type { ManagedKey } from '../core/key-admin.ts';
import type { Applied } from '../lifecycle/apply.ts';
import type { Difference } from '../lifecycle/compare.ts';
import type { Declaration } from '../lifecycle/declaration.ts';
import type { Observed, Step } from '../lifecycle/plan.ts';
import type { BlastRadius } from '../wiring/blast-radius.ts';
import type { CheckedPlan } from '../wiring/declared-keys.ts';
import { printable } from './output.ts';

/** Where its name is not enough, by its URI. */
function labelOf({ id, name, particle }: Declaration): string {
  return particle ? name : id;
}

/** A plan as JSON. */
export function planJson({ declaration, wanted, observed, steps, drift, conflicts, warnings, harm }: CheckedPlan) {
  return {
    id: declaration.id,
    name: declaration.name,
    ...keyJson(observed.key),
    wanted,
    steps: steps.map((step) => ({ do: step.do, ...('key' in step ? { keyId: step.key.id } : {}) })),
    drift: [...drift, ...conflicts],
    warnings,
    ...(harm === undefined ? {} : { blastRadius: harm }),
  };
}

/** What was done as JSON. */
export function appliedJson({ declaration, wanted, done, key, warnings }: Applied) {
  return { id: declaration.id, name: declaration.name, wanted, ...keyJson(key), done, warnings };
}

/** What is there as JSON. */
export function seenJson({ declaration, observed }: { declaration: Declaration; observed: Observed }) {
  return {
    id: declaration.id,
    name: declaration.name,
    ...keyJson(observed.key),
    wanted: declaration.wanted ?? 'running',
    earlier: observed.earlier.map((key) => ({
      ...keyJson(key),
      ...(key.deletionDate === undefined ? {} : { deletionDate: key.deletionDate.toISOString() }),
    })),
  };
}

function keyJson(key: ManagedKey | undefined) {
  if (key === undefined) return { state: 'terminated' };
  return { state: key.state, providerState: key.providerState, keyId: key.id, resource: key.resource };
}

export function planText({
  declaration,
  wanted,
  observed,
  steps,
  drift,
  conflicts,
  warnings,
  harm,
}: CheckedPlan): string {
  const { key } = observed;
  const state = key === undefined ? 'terminated' : key.state;
  const head = `${labelOf(declaration)}: ${state === wanted ? state : `${state} → ${wanted}`}`;
  const same = steps.length === 0 && drift.length === 0 && conflicts.length === 0;
  return block(same ? `${head}, as declared` : head, [
    ...steps.map(stepText),
    ...drift.map(differenceText),
    ...conflicts.map((each) => `cannot be changed: ${differenceText(each)}`),
    ...warnings.map((warning) => `note: ${warning}`),
    ...(harm === undefined ? [] : [`harm: ${radiusText(harm)}`]),
  ]);
}

export function appliedText({ declaration, done, key, warnings }: Applied): string {
  const did = done.length === 0 ? 'nothing to do' : done.join(', ');
  const head = `${labelOf(declaration)}: ${key?.state ?? 'terminated'} (${did})`;
  return block(
    key === undefined ? head : `${head} ${key.resource}`,
    warnings.map((warning) => `note: ${warning}`),
  );
}

export function seenText({ declaration, observed }: { declaration: Declaration; observed: Observed }): string {
  const { key, earlier } = observed;
  const head =
    key === undefined ? `${labelOf(declaration)}: terminated` : `${labelOf(declaration)}: ${key.state} ${key.resource}`;
  return block(
    head,
    earlier.map(({ resource, state, deletionDate }) =>
      state === 'terminated'
        ? `being deleted: ${resource}, ${deletionDate === undefined ? 'soon' : deletionDate.toISOString()}; --restore brings it back`
        : `without a name: ${resource} (${state}); apply takes it up where the name is free`,
    ),
  );
}

function stepText(step: Step): string {
  switch (step.do) {
    case 'create':
      return 'create a key';
    case 'name':
      return `give the name to ${step.key.resource}, which was made for it earlier`;
    case 'terminate':
      return step.key.state === 'terminated'
        ? `free the name of ${step.key.resource}, which is being deleted`
        : `delete ${step.key.resource}${step.days === undefined ? '' : ` in ${step.days} days`}, and free its name`;
    case 'wait':
      return `wait for ${step.key.resource} (${step.key.providerState})`;
    default:
      return `${step.do} ${step.key.resource}`;
  }
}

function differenceText({ field, declared, found }: Difference): string {
  if (found === undefined) return `+ ${field}: ${declared}`;
  return declared === undefined ? `- ${field}: ${found}` : `~ ${field}: ${found} → ${declared}`;
}

function radiusText({ storage, records, unread }: BlastRadius): string {
  if (records === undefined) return 'unknown: no store is configured (--storage)';
  return `${records} data keys in ${storage} are wrapped under it${unread === 0 ? '' : `; ${unread} could not be read`}`;
}

function block(head: string, lines: readonly string[]): string {
  return [head, ...lines.map((line) => `  ${line}`)].map((line) => `${printable(line)}\n`).join('');
}
