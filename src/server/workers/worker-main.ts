// The entry of a worker process: node:cluster starts this file. Before anything else is loaded: a terminal signals the
// whole group, and who ends when is the primary's decision.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
const { work } = await import('./worker.ts');
work(process);
