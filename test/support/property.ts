import fc from 'fast-check';
import type { Test } from 'tap';

/** Fails the test with the smallest counterexample, unless the property holds for every example that was tried. */
export async function holds<Ts>(
  t: Pick<Test, 'pass'>,
  property: fc.IRawProperty<Ts>,
  parameters?: fc.Parameters<Ts>,
): Promise<void> {
  await fc.assert(property, parameters);
  t.pass('holds for every example');
}
