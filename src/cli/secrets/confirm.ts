import { createInterface } from 'node:readline';
import { KeysteadError } from '../../core/errors.ts';
import type { Io } from '../io.ts';

/** Asks on a terminal; whoever is not on one has said so by the command. Throws `client-gone` on anything but yes. */
export async function confirm(io: Io, question: string): Promise<void> {
  const { stdin, stderr } = io;
  if (stdin === undefined || !('isTTY' in stdin) || stdin.isTTY !== true) return;
  stderr.write(`${question} [y/N] `);
  const lines = createInterface({ input: stdin });
  try {
    for await (const line of lines) {
      if (/^y(es)?$/i.test(line.trim())) return;
      break;
    }
  } finally {
    lines.close();
  }
  throw new KeysteadError('client-gone', 'it was not confirmed; nothing was changed');
}
