/** Milliseconds that a look at the file system counts. */
const LOOK = 100;

/** Whether what was seen then still counts now, both in milliseconds. A clock that was put back makes nothing recent. */
export function isRecent(seen: number, now: number): boolean {
  const age = now - seen;
  return age >= 0 && age < LOOK;
}
