import type { Test } from 'tap';
import type { Cloud } from '../support/clouds.ts';
import { faultProxy, type WireFault } from '../support/fault-proxy.ts';
import { type GivenKey, KeyProcess, type KeyProcessAnswer } from '../support/key-process.ts';

const PROCESSES = 4;

/** First calls from several processes, in the quiet and in the storm. */
export function processSuite(t: Test, open: (t: Test) => Promise<Cloud | undefined>): void {
  t.test('on the emulators', { timeout: 390_000 }, async (t) => {
    const cloud = await open(t);
    if (cloud !== undefined) inAndOutOfTheStorm(t, cloud);
  });
}

function inAndOutOfTheStorm(t: Test, cloud: Cloud): void {
  t.test('two hundred first calls at once from four processes get one key', { timeout: 390_000 }, async (t) => {
    const processes = await Promise.all(
      Array.from({ length: PROCESSES }, () => KeyProcess.start(t, cloud, cloud.storage())),
    );
    for (const one of processes) one.get({ ids: ['a'], times: 200 / PROCESSES });
    await Promise.all(processes.map((one) => one.answered(200 / PROCESSES)));
    const answers = processes.flatMap((one) => one.answers);
    t.equal(answers.length, 200);
    t.same(wrongAnswers(answers), []);
    t.equal(new Set(given(answers).map(({ key, version }) => `${version} ${key}`)).size, 1);
    // None where the answer to the one who made it came too late for him.
    t.ok(given(answers).filter(({ created }) => created).length <= 1);
  });

  t.test(
    'also while the store fails, resets, repeats and lags, and a process is killed',
    { timeout: 390_000 },
    async (t) => {
      const proxy = await faultProxy(t, cloud.storageEndpoint, storm(), cloud.env);
      const ids = Array.from({ length: 8 }, (_, n) => `pvc ${n}`);
      const killed = Promise.withResolvers<void>();
      const dying = await KeyProcess.start(t, cloud, cloud.storage(proxy.url), () => killed.resolve());
      const living = await Promise.all(
        Array.from({ length: PROCESSES - 1 }, () => KeyProcess.start(t, cloud, cloud.storage(proxy.url))),
      );
      for (const one of [dying, ...living]) one.get({ ids, times: 4 });
      // At its first answer: the others of its calls are in the midst of it.
      void killed.promise.then(() => dying.kill());
      await Promise.all(living.map((one) => one.answered(ids.length * 4)));
      await dying.kill();
      proxy.heal();
      const after = await KeyProcess.start(t, cloud, cloud.storage());
      after.get({ ids, times: 1 });
      await after.answered(ids.length);
      const history = [dying, ...living, after].flatMap((one) => one.answers);
      t.same(wrongAnswers(history), []);
      for (const id of ids) {
        const keys = given(history).filter((answer) => answer.id === id);
        t.ok(keys.length > 3 * 4, `${keys.length} answers`);
        t.equal(new Set(keys.map(({ key, version }) => `${version} ${key}`)).size, 1, 'the same bytes for ever');
        t.ok(keys.filter(({ created }) => created).length <= 1);
      }
      t.same(
        given(after.answers).filter(({ created }) => created),
        [],
        'nothing was lost and made anew',
      );
      t.ok(proxy.happened.size >= 5, `faults: ${JSON.stringify([...proxy.happened])}`);
    },
  );
}

const FAULTS: readonly WireFault[] = ['past', 'error-after', 'reset', 'slow', 'twice', 'reset-after', 'error'];

/** Three of ten requests, in a pattern that no number of clients keeps step with. */
function storm(): (n: number) => WireFault | undefined {
  return (n) => (n % 5 === 3 || n % 7 === 2 ? FAULTS[Math.floor(n / 3) % FAULTS.length] : undefined);
}

function given(answers: readonly KeyProcessAnswer[]): GivenKey[] {
  return answers.filter((answer): answer is GivenKey => 'key' in answer);
}

function wrongAnswers(answers: readonly KeyProcessAnswer[]): string[] {
  return answers.flatMap((answer) => ('failed' in answer ? [answer.failed] : []));
}
