import type { DefineCommand } from '../command.ts';
import { printSteps, type StoreOptions, storeOptions, withStore, withWanted } from '../secrets/store.ts';

/** `keystead secrets save FILE` */
export const define: DefineCommand = (command, { io }) => {
  storeOptions(command)
    .option('--dry-run', 'say what would be written, and write nothing')
    .action(
      async (path: string, { dryRun = false, output = 'plain', ...options }: StoreOptions & { dryRun?: boolean }) => {
        const { carryOut, compare, disposeStored } = await import('../../secrets-file/reconcile.ts');
        await withStore(io, path, options, async (opened) => {
          const { file, store, work } = opened;
          await withWanted(opened, async (wanted) => {
            const deps = { store, pace: work.pace };
            const { steps, stored } = await compare(file, wanted, { exactTags: false, extra: false }, deps, work.call);
            disposeStored(stored);
            if (!dryRun) await carryOut(steps, deps, work.call);
            await printSteps(io, steps, output, dryRun);
          });
        });
      },
    );
};
