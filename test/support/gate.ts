import { Gate } from '../../src/server/gate.ts';
import type { Porch } from '../../src/server/porch.ts';
import { testAmbient } from './services.ts';

/** Gives what serves connections a listening socket on a free port of loopback, until the test ends. */
export async function listening(
  t: { teardown(fn: () => unknown): void },
  { accept, close }: Pick<Porch, 'accept' | 'close'>,
): Promise<{ port: number; gate: Gate }> {
  const gate = new Gate({ clock: testAmbient().clock, paused: false, take: accept });
  const { port } = await gate.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(async () => {
    gate.destroy();
    await close();
  });
  return { port, gate };
}
