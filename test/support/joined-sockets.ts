import type { Socket } from 'node:net';

/** Passes on what comes from either side; where one ends or fails, the other does. `open` has both as long as they last. */
export function joinSockets(caller: Socket, target: Socket, open: Set<Socket>): void {
  for (const [one, other] of [
    [caller, target],
    [target, caller],
  ] as const) {
    open.add(one);
    one.on('error', () => other.destroy());
    one.on('close', () => {
      open.delete(one);
      other.destroy();
    });
  }
  caller.pipe(target).pipe(caller);
}
