import { type DefineCommand, single } from '../command.ts';
import { type KeyFlags, keyOptions, withDeclaredKeys } from '../key-options.ts';
import { planJson, planText } from '../key-text.ts';
import { print } from '../output.ts';
import { DRIFT, stateOf } from './key-apply.ts';

/** `keystead key plan` */
export const define: DefineCommand = (command, { io, result }) => {
  keyOptions(command)
    .option('--restore', 'as of apply')
    .addOption(single('-s, --state <state>', 'running, stopped or terminated, whatever is declared', stateOf))
    .action(
      async (
        only: string | undefined,
        flags: KeyFlags & { restore?: true; state?: ReturnType<typeof stateOf> },
        called,
      ) => {
        const { restore = false, state, output = 'plain' } = flags;
        const plans = await withDeclaredKeys(flags, called, io, (keys, call) =>
          keys.plans({ only, restore, state }, call),
        );
        await print(io, output, { plans: plans.map(planJson) }, () => plans.map(planText).join(''));
        if (plans.some(({ steps, drift, conflicts }) => steps.length + drift.length + conflicts.length > 0)) {
          result.exitStatus = DRIFT;
        }
      },
    );
};
