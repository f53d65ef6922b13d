import { readFileSync } from 'node:fs';
import t from 'tap';
import { KeysPlayer } from '../drivers/support/keys-player.ts';

interface Scenario {
  readonly id: string;
  readonly title: string;
  readonly setup: object;
  readonly steps: readonly Record<string, unknown>[];
  readonly expect: Record<string, unknown> & { readonly defined: readonly Answer[]; readonly steps: readonly Answer[] };
}

type Answer = Record<string, unknown> & { readonly caused_by?: readonly string[] };

/** Causes that callers act on; others are the source's own. */
const CAUSES = [
  'KeyIsNotDefinedError',
  'InvalidKeyStateError',
  'FetchAndSetStateFromRepoError',
  'InvalidFlowNameError',
  'SecretKeyPairInitError',
  'SecretKeyInitError',
];

const { scenarios } = JSON.parse(readFileSync(new URL('../vectors/keys/scenarios.json', import.meta.url), 'utf8')) as {
  scenarios: Scenario[];
};

for (const { id, title, setup, steps, expect } of scenarios) {
  t.test(`${id}: ${title}`, async (t) => {
    const player = new KeysPlayer();
    const { defined } = (await player.answer({ op: 'start', setup })) as { defined: Answer[] };
    t.same(
      defined.map(({ error }) => error),
      expect.defined.map(({ error }) => error),
    );
    for (const [at, step] of steps.entries()) {
      const wanted = expect.steps[at] as Answer;
      const answer = (await player.answer(step)) as Answer;
      const causes = (one: Answer) => one.caused_by?.filter((name) => CAUSES.includes(name)) ?? [];
      if (wanted['error'] === undefined) t.match(answer, wanted, `step ${at}`);
      else t.same([answer['error'], causes(answer)], [wanted['error'], causes(wanted)], `step ${at}`);
    }
    const { defined: _, steps: __, ...end } = expect;
    t.match(await player.answer({ op: 'finish' }), end);
  });
}
