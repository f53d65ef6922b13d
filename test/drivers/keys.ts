/** Plays the scenarios of keys against the key manager: one JSON object a line in, one out. */
import { createInterface } from 'node:readline';
import { KeysPlayer } from './support/keys-player.ts';

const player = new KeysPlayer();
for await (const line of createInterface({ input: process.stdin })) {
  if (line.trim() !== '') process.stdout.write(`${JSON.stringify(await player.answer(JSON.parse(line)))}\n`);
}
