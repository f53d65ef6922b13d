import type { DefineCommand } from '../command.ts';
import { confirm } from '../secrets/confirm.ts';
import { printSteps, type StoreOptions, storeOptions, withStore } from '../secrets/store.ts';

/** `keystead secrets nuke FILE`: no value is opened, none is read. */
export const define: DefineCommand = (command, { io }) => {
  storeOptions(command)
    .option('--dry-run', 'say what would be deleted, and delete nothing')
    .option('--yes', 'do not ask')
    .action(
      async (
        path: string,
        {
          dryRun = false,
          yes = false,
          output = 'plain',
          ...options
        }: StoreOptions & { dryRun?: boolean; yes?: boolean },
      ) => {
        const { carryOut } = await import('../../secrets-file/reconcile.ts');
        const { deletion } = await import('../../secrets-file/plan.ts');
        const { placesOf } = await import('../../secrets-file/wanted.ts');
        await withStore(io, path, options, async ({ file, store, work }) => {
          const steps = placesOf(file, store).map(deletion);
          if (!dryRun) {
            if (!yes) await confirm(io, `delete ${steps.length} parameters from ${store.uri}?`);
            await carryOut(steps, { store, pace: work.pace }, work.call);
          }
          await printSteps(io, steps, output, dryRun);
        });
      },
    );
};
