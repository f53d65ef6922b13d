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

t.test('the player plays what the samples leave out', async (t) => {
  const player = new KeysPlayer();
  const key = { name: 'K', store: 's1', use_case: 'ROUND_TRIP', stateless: false };
  await player.answer({ op: 'start', setup: { keys: [key], repo: { missing: 'null' }, environment: 'MULTITHREADED' } });
  const play = (step: Record<string, unknown>) => player.answer({ key: 'K', ...step });
  t.same(await play({ op: 'single_get' }), { value: 's1' });
  await play({ op: 'set_store', value: { hex: '00ff' } });
  t.same(await play({ op: 'single_get', method: 'get_decrypt_key' }), { value: 's1' });
  t.same(await play({ op: 'alias_get', method: 'get_encrypt_key' }), { value: { hex: '00ff' } });
  await play({ op: 'save_state' });
  await play({ op: 'restart' });
  t.same(await play({ op: 'get' }), { value: { hex: '00ff' } }, 'the saved key');
  t.same(await play({ op: 'get' }), { value: { hex: '00ff' } }, 'the store gives what it gave before the restart');
  for (const [step, used] of [
    [{ name: 'named' }, 'named'],
    [{ callback_name: 'K_callback_2' }, 'K_callback_2'],
    [{}, 'K_callback_3'],
    [{ callback: 'named' }, 'named'],
  ] as const) {
    t.same(await play({ op: 'register', do: ['record', 'get:BACK_PATH'], ...step }), { ok: true }, used);
  }
  await play({ op: 'key_changed', old: null, new: [{ hex: '01' }, 'b'] });
  t.match(await play({ op: 'define', definition: { ...key, store: 's2' } }), { error: 'KeyAlreadyDefinedError' });
  t.same(await play({ op: 'get', flow: 'FORWARD_PATH' }), { value: { hex: '00ff' } }, 'refused, so without effect');
  t.same(await play({ op: 'define', definition: { ...key, store: 's2', replace: true } }), { ok: true });
  t.same(await play({ op: 'get', flow: 'FORWARD_PATH' }), { value: 's2' });
  t.same(await play({ op: 'define', ...key, name: 'L', use_case: 'ONE_WAY_TRIP' }), { ok: true });
  t.same(await play({ op: 'get', key: 'L' }), { value: 's1' });
  t.same(await play({ op: 'dance' }), { unsupported: 'dance' });
  const end = (await player.answer({ op: 'finish' })) as { callback_log: Answer[] };
  t.same(
    end.callback_log.map(({ callback }) => callback),
    ['named', 'named', 'K_callback_2', 'K_callback_2', 'K_callback_3', 'K_callback_3'],
  );
  t.match(end.callback_log[0], { old: null, new: [{ hex: '01' }, 'b'], key: 'K' });
});
