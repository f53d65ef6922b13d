import { endProcess } from '../../src/cli/end.ts';
import { serve } from '../../src/server/serve.ts';

// A service as `keystead serve` runs it, with the configuration as JSON in the first argument. Where a second one names
// a file, SIGHUP reads the configuration from there.
const [config, again] = process.argv.slice(2);
const reload = async () => JSON.parse(await (await import('node:fs/promises')).readFile(again as string, 'utf8'));
const status = await serve({
  config: JSON.parse(config as string),
  ...(again === undefined ? {} : { reload }),
});
await endProcess(process, status);
