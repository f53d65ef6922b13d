import type { Clock } from '../../core/clock.ts';

/** Milliseconds that a worker may take to say what it has refused. */
const DEADLINE = 2000;

/** What all workers know, together; one that does not answer in time counts as one that knows nothing. */
export async function askAll<T>(asked: readonly Promise<readonly T[]>[], clock: Clock): Promise<T[]> {
  const answered = new AbortController();
  const late = clock.sleep(DEADLINE, answered.signal).then(
    () => [],
    () => [],
  );
  const found = await Promise.all(asked.map((each) => Promise.race([each.catch(() => []), late])));
  answered.abort();
  return found.flat();
}
