import t from 'tap';
import type { SecretBytes } from '../../src/core/secret-bytes.ts';
import { KeyManager, type KeyPairInput, type RoundTripCipher, type SecretKeyValue } from '../../src/key-manager.ts';

/** True for one and the same type alone. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

// The type checker is the test: `npm run types` fails where one of these is not what it says.
const answers: readonly true[] = [
  true satisfies Same<ReturnType<KeyManager['getKey']>, Promise<SecretKeyValue>>,
  true satisfies Same<ReturnType<KeyManager['registerOnChange']>, () => void>,
  true satisfies Same<Awaited<ReturnType<RoundTripCipher['decrypt']>>, SecretBytes>,
  true satisfies Same<ReturnType<SecretKeyValue['expose']>, string | Uint8Array>,
  true satisfies Same<Parameters<KeyManager['getLastFlow']>, [name: string]>,
];

const refused: Record<string, unknown>[] = [];
function define(given: Parameters<KeyManager['defineKey']>[0]): void {
  try {
    new KeyManager().defineKey(given);
  } catch (error) {
    refused.push(error as Record<string, unknown>);
  }
}

t.test('what the types refuse is refused without a type checker, too', async (t) => {
  const store = (): KeyPairInput => 'v';
  const wrong = [
    { name: 'K', store, useCase: 'SIDEWAYS' },
    { name: 'K', store, useCase: 'AUTHENTICATION' },
    { name: 'K', store: (given: string) => given, useCase: 'ROUND_TRIP' },
    { name: 'K', store: {}, useCase: 'ROUND_TRIP' },
    { store, useCase: 'ROUND_TRIP' },
    { name: 'K', store, useCase: 'ROUND_TRIP', onChangeErrorStrategy: 'PANIC' },
  ];
  for (const given of wrong) define(given as unknown as Parameters<KeyManager['defineKey']>[0]);
  t.same(
    refused.map(({ reason }) => reason),
    wrong.map(() => 'bad-key-definition'),
  );
  t.equal(answers.length, 5);
});
