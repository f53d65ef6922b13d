import { writeFileSync } from 'node:fs';
import { url as inspectorUrl } from 'node:inspector';
import { KeysteadError } from '../core/errors.ts';

/** Options of Node that write memory to a file or let somebody else read it. */
const LEAKY = /^--(inspect|debug|abort-on-uncaught-exception|heapsnapshot|heap-prof|report-)/;

/**
 * Closes the ways that this process offers to its memory: the debugger, diagnostic reports, and, on Linux, the
 * contents of core dumps. Throws `bad-config` when a debugger is attached to a service that is no development server.
 *
 * Does not promise: anything against root, who can read the memory of every process, or against swap; switch off core
 * dumps (`ulimit -c 0`, `LimitCORE=0`) and swap where the service runs.
 */
export function harden(process: NodeJS.Process, development: boolean): void {
  // Node starts the debugger on this signal, unless somebody listens.
  process.on('SIGUSR1', ignored);
  if (process.report !== undefined) {
    process.report.reportOnFatalError = false;
    process.report.reportOnSignal = false;
    process.report.reportOnUncaughtException = false;
  }
  emptyCoreDumps(process.platform);
  if (development) return;
  // Both ways to give options to Node; it takes an underscore for a dash.
  const given = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/["\s]+/)];
  const leaky = given.find((option) => LEAKY.test(option.replaceAll('_', '-')));
  if (leaky !== undefined) {
    throw new KeysteadError(
      'bad-config',
      `Node's option ${leaky.replace(/=.*/, '')} shows the service's memory; start without it`,
    );
  }
  if (inspectorUrl() !== undefined) {
    throw new KeysteadError(
      'bad-config',
      'a debugger can attach to the service and read its keys; start without --inspect',
    );
  }
}

/** No memory of this process or its children goes into a core file (core(5), "Controlling which mappings are written"). */
function emptyCoreDumps(platform: string): void {
  if (platform !== 'linux') return;
  try {
    writeFileSync('/proc/self/coredump_filter', '0');
  } catch {
    // A kernel without it, or a container that hides /proc: nothing can be done from in here.
  }
}

function ignored(): void {}
