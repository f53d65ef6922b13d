import { httpLoad, jsonPost } from './support/http-load.ts';
import { keystead } from './support/service.ts';

// `npm run soak`: a million requests; prints the resident memory after every tenth, and fails when it keeps growing.
const REQUESTS = Number(process.argv[2] ?? 1_000_000);
const service = await keystead();
const request = jsonPost('/v1/data-keys/pvc-soak/get', { length: 32 });
const memory: number[] = [];
let done = 0;
while (done < REQUESTS) {
  const begin = performance.now();
  done += Math.round((await httpLoad(service.http, request, 64, 5)) * ((performance.now() - begin) / 1000));
  if (done >= (REQUESTS / 10) * (memory.length + 1)) {
    memory.push(Math.round(service.residentMegabytes()));
    process.stdout.write(`${done} requests, ${memory.at(-1)} MB\n`);
  }
}
await service.stop();
// The heap settles in the first fifth; after that a leak of 20 bytes a request would show as 16 MB and more.
const [settled, last] = [Math.max(...memory.slice(1, 4)), memory.at(-1) as number];
const flat = last <= settled * 1.15;
process.stdout.write(`${flat ? 'flat' : 'growing'}: ${settled} MB after the first part, ${last} MB at the end\n`);
process.exitCode = flat ? 0 : 1;
