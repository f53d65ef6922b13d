// Plays access scenarios over a line protocol: one JSON object in, one out. `npm run --silent driver:access`.
import { createInterface } from 'node:readline';
import { AccessPlayer, type AccessStep } from './access-player.ts';

const player = new AccessPlayer();
for await (const line of createInterface({ input: process.stdin })) {
  const step = JSON.parse(line) as AccessStep;
  process.stdout.write(`${JSON.stringify(await player.play(step))}\n`);
  if (step.op === 'finish') break;
}
await player.close();
