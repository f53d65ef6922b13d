import { InvalidArgumentError } from 'commander';
import type { Applied } from '../../lifecycle/apply.ts';
import type { WantedState } from '../../lifecycle/declaration.ts';
import { type CommandContext, type DefineCommand, single } from '../command.ts';
import { type ApplyFlags, applyOptions, withDeclaredKeys } from '../key-options.ts';
import { appliedJson, appliedText, planJson, planText } from '../key-text.ts';
import { print, write } from '../output.ts';

/** Exit status where something is not as declared: what a pipeline stops at. */
export const DRIFT = 2;

type Called = Parameters<typeof withDeclaredKeys>[1];

/** `keystead key apply` */
export const define: DefineCommand = (command, context) => {
  applyOptions(command)
    .addOption(single('-s, --state <state>', 'running, stopped or terminated, whatever is declared', stateOf))
    .action((only: string | undefined, flags: ApplyFlags & { state?: WantedState }, called) =>
      applied(only, flags.state, flags, called, context),
    );
};

/** `keystead key run|stop|terminate`: apply with that state. */
export function defineRun(command: Parameters<DefineCommand>[0], context: CommandContext, state: WantedState): void {
  applyOptions(command).action((only: string | undefined, flags: ApplyFlags, called) =>
    applied(only, state, flags, called, context),
  );
}

export function stateOf(text: string): WantedState {
  const state = text.toLowerCase();
  if (state === 'running' || state === 'stopped' || state === 'terminated') return state;
  throw new InvalidArgumentError('give running, stopped or terminated');
}

async function applied(
  only: string | undefined,
  state: WantedState | undefined,
  flags: ApplyFlags,
  called: Called,
  { io, result }: CommandContext,
): Promise<void> {
  const { output = 'plain', restore = false, cascade = false, confirm, wait, timeout: timeoutS } = flags;
  const quiet = flags.quiet === true;
  const options = { only, state, restore, cascade, wait, timeoutS, confirmed: confirm };
  await withDeclaredKeys(flags, called, io, async (keys, call) => {
    if (flags.dryRun === true) {
      const plans = await keys.plans(options, call);
      if (!quiet) await print(io, output, { plans: plans.map(planJson) }, () => plans.map(planText).join(''));
      if (plans.some(({ steps, conflicts }) => steps.length + conflicts.length > 0)) result.exitStatus = DRIFT;
      return;
    }
    const lines = output === 'plain' && !quiet;
    const tell = lines ? (one: Applied) => write(io.stdout, appliedText(one)) : undefined;
    const all = await keys.apply(options, call, tell);
    if (output === 'json' && !quiet) await print(io, output, { applied: all.map(appliedJson) }, () => '');
  });
}
