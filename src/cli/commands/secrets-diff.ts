import type { SecretBytes } from '../../core/secret-bytes.ts';
import type { WantedParameter } from '../../secrets-file/plan.ts';
import type { Comparison } from '../../secrets-file/reconcile.ts';
import type { DefineCommand } from '../command.ts';
import { columns, print, printable } from '../output.ts';
import { type StoreOptions, storeOptions, withStore, withWanted } from '../secrets/store.ts';

/** One parameter that is not the same in both. */
interface Row {
  readonly state: 'missing' | 'extra' | 'different';
  readonly parameter: string;
  readonly differs: readonly string[];
  readonly file?: string;
  readonly store?: string;
}

/** `keystead secrets diff FILE`: exit status 1 where file and store differ, 2 for what fails. */
export const define: DefineCommand = (command, { io, result }) => {
  storeOptions(command)
    .option('--show', 'show the values that differ, secrets too')
    .action(async (path: string, { show = false, output = 'plain', ...options }: StoreOptions & { show?: boolean }) => {
      const statusOf = result.statusOf;
      result.statusOf = (failure) => (failure.code === 'canceled' ? (statusOf?.(failure) ?? 2) : 2);
      const { compare, disposeStored } = await import('../../secrets-file/reconcile.ts');
      await withStore(io, path, options, async (opened) => {
        const { file, store, work } = opened;
        await withWanted(opened, async (wanted) => {
          const deps = { store, pace: work.pace };
          const found = await compare(file, wanted, { exactTags: true, extra: true }, deps, work.call);
          try {
            const rows = rowsOf(found, wanted, show);
            await print(io, output, { equal: rows.length === 0, differences: rows }, () => plain(rows));
            if (rows.length > 0) result.exitStatus = 1;
          } finally {
            disposeStored(found.stored);
          }
        });
      });
    });
};

function rowsOf({ steps, extra, stored }: Comparison, wanted: readonly WantedParameter[], show: boolean): Row[] {
  const values = new Map(wanted.map(({ place, parameter }) => [place, parameter.value]));
  const rows = new Map<string, Row>();
  for (const { action, place, differs } of steps) {
    if (rows.has(place)) continue; // an update, and the tags that it cannot take away
    const shown = show && (action === 'create' || differs.includes('value'));
    rows.set(place, {
      state: action === 'create' ? 'missing' : 'different',
      parameter: place,
      differs,
      ...(shown ? { file: text(values.get(place)), ...both(stored.get(place)?.value) } : {}),
    });
  }
  return [...rows.values(), ...extra.map((place): Row => ({ state: 'extra', parameter: place, differs: [] }))];
}

function both(value: SecretBytes | undefined): { store?: string } {
  return value === undefined ? {} : { store: text(value) };
}

function text(value: SecretBytes | undefined): string {
  return Buffer.from(value?.expose() ?? []).toString('utf8');
}

function plain(rows: readonly Row[]): string {
  return columns(
    rows.flatMap(({ state, parameter, differs, file, store }) => [
      [state, printable(parameter) + (differs.length === 0 ? '' : `  (${differs.join(', ')})`)],
      ...(store === undefined ? [] : [['  store', printable(JSON.stringify(store))]]),
      ...(file === undefined ? [] : [['  file', printable(JSON.stringify(file))]]),
    ]),
  );
}
