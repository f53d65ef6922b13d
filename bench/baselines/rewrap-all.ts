import { memoryStore } from '../../src/providers/memory/store.ts';
import { openClusterKek } from '../../test/support/cluster-kek.ts';
import { rewrapAll } from '../rewrap.ts';

// One `rewrap --all` in a process of its own; prints what it did.
const undo: (() => unknown)[] = [];
const t = { teardown: (fn: () => unknown) => undo.push(fn) };
const [from, to] = [await openClusterKek(t, 'a'), await openClusterKek(t, 'b')];
process.stdout.write(JSON.stringify(await rewrapAll(from, to, memoryStore(), Number(process.argv[2]))));
for (const fn of undo) await fn();
