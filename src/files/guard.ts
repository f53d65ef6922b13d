import { spawn } from 'node:child_process';

/** What takes a path away when this process ends. */
export interface Guard {
  /** The path is gone, or is to stay: nobody waits any longer. */
  release(): void;
}

/**
 * Has a process wait for this one to end, in whatever way, SIGKILL included, and then take the path away, a folder with
 * all that is in it. Call it before the path is made. Promises nothing where there is no `sh`, or the machine stops.
 */
export function guarded(path: string): Guard {
  const script = 'trap "" INT HUP TERM; read -r word || rm -rf -- "$1"';
  const child = spawn('sh', ['-c', script, 'keystead-guard', path], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without a guard the work goes on; what is left then is swept by who comes next.
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  child.unref();
  return { release: () => void child.stdin.end('released\n') };
}
