import type { DefineCommand } from '../command.ts';
import { confirm } from '../secrets/confirm.ts';
import { printSteps, type StoreOptions, storeOptions, tellPlan, withStore, withWanted } from '../secrets/store.ts';

interface Options extends StoreOptions {
  readonly dryRun?: boolean;
  readonly prune?: boolean;
  readonly yes?: boolean;
}

/** `keystead secrets sync FILE` */
export const define: DefineCommand = (command, { io }) => {
  storeOptions(command)
    .option('--prune', 'delete parameters under the path that the file has not')
    .option('--dry-run', 'say what would be done, and do nothing')
    .option('--yes', 'do not ask before something is deleted')
    .action(
      async (path: string, { dryRun = false, prune = false, yes = false, output = 'plain', ...options }: Options) => {
        const { carryOut, compare, disposeStored } = await import('../../secrets-file/reconcile.ts');
        const { deletion } = await import('../../secrets-file/plan.ts');
        await withStore(io, path, options, async (opened) => {
          const { file, store, work } = opened;
          await withWanted(opened, async (wanted) => {
            const deps = { store, pace: work.pace };
            const found = await compare(file, wanted, { exactTags: true, extra: true }, deps, work.call);
            disposeStored(found.stored);
            const steps = [...found.steps, ...(prune ? found.extra.map(deletion) : [])];
            if (!dryRun) {
              await tellPlan(io, steps);
              const deletions = steps.filter(({ action }) => action === 'delete').length;
              if (deletions > 0 && !yes) await confirm(io, `delete ${deletions} parameters?`);
              await carryOut(steps, deps, work.call);
            }
            await printSteps(io, steps, output, dryRun);
            if (!prune && found.extra.length > 0) {
              await work.tell(
                `${found.extra.length} parameters under the path are not in the file; --prune deletes them`,
              );
            }
          });
        });
      },
    );
};
